"""Manifests out of the air: a strategy that follows the nouns' own fields, and the places where one can be changed.

Nothing here lists a field, so a field that is added to a noun is generated and changed without a word.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from enum import Enum
from typing import Any, Literal, NamedTuple, NewType, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from orgruntime.model.base import Noun
from orgruntime.model.manifest import Manifest

WORDS = st.text(st.sampled_from("ab c\n\u202e\u001b→"), max_size=6)


def manifests() -> st.SearchStrategy[Manifest]:
    return nouns(Manifest)


def nouns(kind: type[Noun], around: tuple[type[Noun], ...] = ()) -> st.SearchStrategy[Any]:
    """`around`: the nouns that this one is to be a part of. Of its own kind it has one inside, and that has none."""
    fields = {name: field_values(field, (*around, kind)) for name, field in kind.model_fields.items()}
    return st.fixed_dictionaries(fields).map(lambda found: kind(**found))


def field_values(field: FieldInfo, around: tuple[type[Noun], ...] = ()) -> st.SearchStrategy[Any]:
    return values(field.annotation, tuple(field.metadata), around)


def values(kind: Any, limits: tuple[Any, ...] = (), around: tuple[type[Noun], ...] = ()) -> st.SearchStrategy[Any]:
    """Values of an annotation, within pydantic's limits."""
    if isinstance(kind, NewType):
        return values(kind.__supertype__, limits)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return st.sampled_from(inner)
    if origin in (Union, types.UnionType):
        return st.one_of(*(st.none() if one is type(None) else values(one, limits, around) for one in inner))
    if origin is tuple:
        most = {0: 3, 1: 1}.get(around.count(inner[0]), 0)
        return st.lists(values(inner[0], (), around), max_size=most).map(tuple) if most else st.just(())
    if origin is dict:
        return st.dictionaries(values(inner[0]), values(inner[1]), max_size=2)
    return _plain(kind, limits, around)


def _plain(kind: Any, limits: tuple[Any, ...], around: tuple[type[Noun], ...]) -> st.SearchStrategy[Any]:
    if issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    if issubclass(kind, Noun):
        return nouns(kind, around)
    if kind is bool:
        return st.booleans()
    if kind is str:
        return WORDS
    bounds = {name: getattr(one, name) for one in limits for name in ("ge", "gt", "le", "lt") if hasattr(one, name)}
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    if kind is int:
        return st.integers(low if low is not None else -3, high if high is not None else 5)
    # Sixteenths: exact, and far from the digits that a line of text rounds away.
    low, high = (0.0 if low is None else low), (4.0 if high is None else high)
    step = st.integers(1, 15).map(lambda n: low + (high - low) * n / 16)
    return step


class Spot(NamedTuple):
    """One field of one noun of a manifest. `path`: names and indices that lead to it."""

    path: tuple[str | int, ...]
    noun: type[Noun]
    field: str


def spots(noun: Noun, at: tuple[str | int, ...] = ()) -> Iterator[Spot]:
    """Every field of every noun in a noun, lists and nested nouns as a whole included."""
    for name in type(noun).model_fields:
        value = getattr(noun, name)
        yield Spot((*at, name), type(noun), name)
        if isinstance(value, Noun):
            yield from spots(value, (*at, name))
        elif isinstance(value, tuple):
            for index, one in enumerate(value):
                if isinstance(one, Noun):
                    yield from spots(one, (*at, name, index))


def value_at(noun: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        noun = noun[step] if isinstance(step, int) else getattr(noun, step)
    return noun


def with_value(noun: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """The same noun with one value replaced."""
    if not path:
        return value
    step, *rest = path
    if isinstance(step, int):
        return (*noun[:step], with_value(noun[step], tuple(rest), value), *noun[step + 1 :])
    return noun.model_copy(update={step: with_value(getattr(noun, step), tuple(rest), value)})


def fields_below(kind: type[Noun], seen: set[tuple[type[Noun], str]] | None = None) -> set[tuple[type[Noun], str]]:
    """Every field that a noun of this kind can hold, at any depth."""
    seen = set() if seen is None else seen
    for name, field in kind.model_fields.items():
        if (kind, name) not in seen:
            seen.add((kind, name))
            for inner in _kinds(field.annotation):
                fields_below(inner, seen)
    return seen


def _kinds(annotation: Any) -> Iterator[type[Noun]]:
    if isinstance(annotation, type) and issubclass(annotation, Noun):
        yield annotation
    for inner in get_args(annotation):
        yield from _kinds(inner)
