"""A role's models as they are written: `opus`, `opus 20%, search/tpe 80%`, `opus, search/tpe, choose by results`, each
also with `fallback haiku`.

Knows the parts of a cell or a hint, not what the names stand for. Invariant: the shares of a panel belong to its names
in order and sum to one, or there are none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from orgruntime.compiler import reading_rules, words
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.model.vocabulary import Choice
from orgruntime.orgfile.tree import ScalarNode

BY_RESULTS = "choose by results"
FALLBACK = "fallback"
MOST_MODELS = 50
"""Of one role."""
_SUM = 1e-9
"""Rounding of a sum of shares."""


class Panel(NamedTuple):
    names: tuple[ScalarNode, ...] = ()
    choice: Choice = Choice.TURNS
    shares: tuple[float, ...] = ()
    fallback: ScalarNode | None = None


def read_panel(parts: Iterable[ScalarNode], findings: Findings) -> Panel:
    """The panel of the parts of a cell. What is wrong with its shares is reported, and the names still stand."""
    given = _bounded(parts, findings)
    behind = [found for part in given if (found := _stand_in(part)) is not None]
    for more in behind[1:]:
        findings.put(more.span, reading_rules.bad_panel.two_fallbacks(more.text))
    panel = _served([part for part in given if _stand_in(part) is None], findings)
    return panel._replace(fallback=behind[0]) if behind else panel


def _stand_in(part: ScalarNode) -> ScalarNode | None:
    """The name in `fallback haiku`. A model may be called so: `fallback`, `fallback 20 %`."""
    word, *rest = part.text.split(None, 1)
    if word.casefold() != FALLBACK or not rest or rest[0].rstrip().endswith("%"):
        return None
    name = rest[0].rstrip()
    start = part.text.index(name, len(FALLBACK))
    return ScalarNode(part.part(start, start + len(name)), name, part.plain)


def _served(parts: Iterable[ScalarNode], findings: Findings) -> Panel:
    chosen: list[ScalarNode] = []
    rest: list[tuple[ScalarNode, float | None]] = []
    for part in parts:
        said = " ".join(part.text.casefold().split())
        if said == BY_RESULTS:
            chosen.append(part)
        elif said.startswith(("choose ", "chose ", "choice ", "by result", "best ")):
            findings.put(part.span, reading_rules.bad_panel.no_way_to_choose(part.text, BY_RESULTS))
        else:
            rest.append(_split(part, findings))
    names, shares = tuple(name for name, _ in rest), [share for _, share in rest]
    if not names and chosen:
        findings.put(chosen[0].span, reading_rules.bad_panel.no_models())
    elif chosen and _can_choose(names, shares, chosen, findings):
        return Panel(names, Choice.RESULTS)
    elif not chosen and any(share is not None for share in shares):
        return _shared(names, shares, findings)
    return Panel(names)


def _bounded(parts: Iterable[ScalarNode], findings: Findings) -> list[ScalarNode]:
    given = list(parts)
    if len(given) > MOST_MODELS:
        findings.put(given[MOST_MODELS].span, reading_rules.bad_panel.too_many(len(given), MOST_MODELS))
    return given[:MOST_MODELS]


def _split(part: ScalarNode, findings: Findings) -> tuple[ScalarNode, float | None]:
    """`opus 20 %` as its name and its share."""
    name, _, rest = part.text.partition(" ")
    node = ScalarNode(part.part(0, len(name)), name, part.plain)
    if not rest.strip():
        return node, None
    span = part.part(len(part.text) - len(rest.lstrip()), len(part.text))
    try:
        share = words.share(rest.strip())
    except words.Unclear:
        findings.put(part.span, reading_rules.bad_panel.no_model(part.text, name))
        return node, None
    if not 0 < share <= 1:
        findings.put(span, reading_rules.bad_panel.no_share(name, rest.strip(), share))
        return node, None
    return node, share


def _can_choose(
    names: Sequence[ScalarNode], shares: Sequence[float | None], chosen: Sequence[ScalarNode], findings: Findings
) -> bool:
    if any(share is not None for share in shares):
        findings.put(chosen[0].span, reading_rules.bad_panel.shares_and_choice(BY_RESULTS))
    elif len(names) < 2:
        findings.put(chosen[0].span, reading_rules.bad_panel.only_one(names[0].text, BY_RESULTS))
    else:
        return not _report_twice(names, findings)
    return False


def _shared(names: tuple[ScalarNode, ...], shares: Sequence[float | None], findings: Findings) -> Panel:
    """Models without a number part what the numbers leave over."""
    said = sum(share for share in shares if share is not None)
    silent = [name for name, share in zip(names, shares, strict=True) if share is None]
    if _report_twice(names, findings):
        return Panel(names)
    if said > 1 + _SUM or (said < 1 - _SUM and not silent):
        findings.put(names[-1].span, reading_rules.bad_panel.wrong_sum(said))
        return Panel(names)
    if silent and said > 1 - _SUM:
        findings.put(silent[0].span, reading_rules.bad_panel.nothing_left(silent[0].text))
        return Panel(names)
    rest = (1 - said) / len(silent) if silent else 0.0
    return Panel(names, Choice.SHARES, tuple(round(rest if share is None else share, 12) for share in shares))


def _report_twice(names: Sequence[ScalarNode], findings: Findings) -> bool:
    seen: set[str] = set()
    for name in names:
        if name.text in seen:
            findings.put(name.span, reading_rules.bad_panel.twice(name.text))
            return True
        seen.add(name.text)
    return False
