"""What was made of a file before, by the file's content, as bytes.

Works on values that are functions of one `Source` alone, and on bytes: where those are kept is the caller's business.
Knows no roles. Invariant: recalled and made anew, a value and its findings are equal; bytes that were not stored here
give nothing, or values of the four lower rooms' classes, and no other class or function is ever called.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from orgruntime.diagnostics.diagnostic import Diagnostic, Findings
from orgruntime.orgfile.recall import asking
from orgruntime.orgfile.source import Source

T = TypeVar("T")
_Stored = tuple[tuple[Diagnostic, ...], Any]
"""What was found, and the value."""
_ROOMS = ("orgruntime.diagnostics.", "orgruntime.model.", "orgruntime.orgfile.", "orgruntime.compiler.")
_LONG = 200
"""Characters from which a part of the file's text is stored as its place in the file."""
_FAULTS = (
    pickle.PickleError, ArithmeticError, AttributeError, EOFError, ImportError, LookupError, MemoryError, TypeError,
    ValueError,
)  # fmt: skip
"""What unfit bytes, or a value that cannot be stored, raise."""


class Memory:
    """Entries by key. `used`: those of the last time that any was asked for, which are worth keeping; `made`: how many
    of this time were new.

    What was asked for once stays at hand as it is. `as_bytes`: it is also made bytes, for a later process.
    """

    def __init__(self, entries: Mapping[str, bytes] | None = None, *, as_bytes: bool = True) -> None:
        self._known = dict(entries or {})
        self._as_bytes = as_bytes
        self._live: dict[str, _Stored] = {}
        self._at_hand: dict[str, _Stored] = {}
        """What was asked for this time."""
        self.used: dict[str, bytes] = {}
        self.made = 0
        self._is_new_time = True

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Inside, this memory is asked."""
        self.renew()
        with asking(self):
            yield

    def renew(self) -> None:
        """What is asked from now on is of a new time; a time at which nothing is asked forgets nothing."""
        self._is_new_time, self.made = True, 0

    def recall(self, key: str, source: Source, findings: Findings, make: Callable[[Findings], T]) -> T:
        if self._is_new_time:
            self._is_new_time = False
            self._known = self.used or self._known
            self._live, self._at_hand, self.used = self._at_hand, {}, {}
        stored = self._at_hand.get(key) or self._live.get(key)
        entry = self._known.get(key)
        if stored is None and entry is not None:
            stored = _load(entry, source)
        if stored is None:
            own = Findings()
            with asking(None):
                value = make(own)
            self.made += 1
            stored = (tuple(own), value)
            entry = None
        self._at_hand[key] = stored
        entry = (entry or _dump(stored, source)) if self._as_bytes else None
        if entry is not None:
            self.used[key] = self._known[key] = entry
        found, value = stored
        for one in found:
            findings.keep(one)
        return value


def _dump(stored: _Stored, source: Source) -> bytes | None:
    out = io.BytesIO()
    try:
        _Writer(out, source.text).dump(stored)
    except _FAULTS:
        return None
    return out.getvalue()


def _load(entry: bytes, source: Source) -> _Stored | None:
    try:
        stored = _Reader(io.BytesIO(entry), source.text).load()
    except _FAULTS:
        return None
    is_pair = isinstance(stored, tuple) and len(stored) == 2 and isinstance(stored[0], tuple)
    return stored if is_pair and all(isinstance(one, Diagnostic) for one in stored[0]) else None


class _Writer(pickle.Pickler):
    """Leaves out what the reader has: the text of the file."""

    def __init__(self, out: io.BytesIO, text: str) -> None:
        super().__init__(out, protocol=5)
        self._text = text

    def persistent_id(self, value: Any) -> Any:
        if type(value) is str and len(value) >= _LONG and (at := self._text.find(value)) >= 0:
            return at, at + len(value)
        return None


class _Reader(pickle.Unpickler):
    def __init__(self, entry: io.BytesIO, text: str) -> None:
        super().__init__(entry)
        self._text = text

    def persistent_load(self, place: Any) -> Any:
        start, end = place
        return self._text[start:end]

    def find_class(self, module: str, name: str) -> Any:
        found = _CLASSES.get((module, name))
        if found is None:
            found = super().find_class(module, name) if module.startswith(_ROOMS) else None
            if not isinstance(found, type) or found.__module__ != module:
                raise pickle.UnpicklingError(f"{module}.{name} is no class that is stored")
            _CLASSES[module, name] = found
        return found


_CLASSES: dict[tuple[str, str], type] = {}
