"""The report on a foreign organization as plain text for people. Pure; decides nothing.

Invariant: a list that is cut says how much is missing and where all of it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from orgruntime.compiler.model_names import current
from orgruntime.diagnostics.diagnostic import Diagnostic
from orgruntime.diagnostics.render import printable
from orgruntime.importer.adopt import Drafted, LeftOut
from orgruntime.importer.effective import ForeignReport, Row
from orgruntime.importer.foreign import Fate, FileFate, Way

_MOST = 40
_MOST_FILES = 3
_WIDTHS = (30, 40, 40, 20, 48, 40)


def render(report: ForeignReport) -> str:
    """The report in plain lines, without a newline at the end."""
    counts, left = report.as_json()["counts"], report.adopted.left_out
    would = "become" if report.into else "would become"
    hints, handoffs = _counted(counts["hints"], "hint"), _counted(counts["handoffs"], "handoff")
    notices = [f"{one.file}:{one.line}: {one.what}" for one in report.foreign.notices]
    remarks, faults = map(_said, (report.foreign.remarks, report.faults))
    asked = [f"{one.topic}: {one.text}" for one in report.questions]
    blocks = (
        [f"{report.foreign.title}: {_counted(len(report.rows), 'role')} in {_places(report)}"],
        [f"Files: {_file_counts(report)}", *(f"  {line}" for line in _files(report.foreign.files))],
        _block(
            f"Handoffs: {counts['adopted']} of {hints} {would} {handoffs}",
            _cut([_handoff(one) for one in report.adopted.handoffs]),
        ),
        _block(f"Hints that need no handoff: {counts['covered']}", _cut([_left(o) for o in left if o.is_covered])),
        _block(f"Hints left out: {len(report.adopted.lost)}", _cut([_left(one) for one in report.adopted.lost])),
        _block("Look at these before you trust it", _cut(notices)),
        _block("Repairs and warnings of the reading", _cut(remarks)),
        _block("The draft does not compile yet", _cut(faults)),
        _block(f"To be answered {_where(report)}", asked),
        _block("Declared → effective", _table(report)),
    )
    lines = [line for block in blocks if block for line in (*block, "")]
    return "\n".join(printable(line) for line in [*lines, *_end(report)])


def _said(found: Iterable[Diagnostic]) -> list[str]:
    return [f"{one.span.file}:{one.span.line}: {one.message} ({one.code})" for one in found]


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _places(report: ForeignReport) -> str:
    inside = [folder for folder in report.foreign.looked_in if folder != "."]
    return str(report.foreign.root) + (f" ({', '.join(inside)})" if inside else "")


def _block(title: str, lines: Iterable[str]) -> list[str]:
    inside = [f"  {line}" for line in lines]
    return [title, *inside] if inside else []


def _where(report: ForeignReport) -> str:
    return f"in {report.into}/program.md, at `# ?`" if report.into else "in the draft, at `# ?`"


def _end(report: ForeignReport) -> list[str]:
    if report.into:
        return [f"{report.into} is the drafted org: answer its questions, then `orgrun check {report.into}`"]
    return ["nothing was written; `--adopt` drafts the org, `--json` lists everything"]


def _file_counts(report: ForeignReport) -> str:
    words = ((Fate.ROLE, "taken over"), (Fate.READ, "read"), (Fate.REFUSED, "refused"), (Fate.LEFT, "left"))
    parts = [f"{n} {word}" for fate, word in words if (n := report.foreign.count(fate))]
    return f"{len(report.foreign.files)} found = " + " + ".join(parts)


def _files(files: Sequence[FileFate]) -> Iterator[str]:
    """One line a refused file; of the others one line a reason."""
    for file in files:
        if file.fate is Fate.REFUSED:
            yield f"refused  {file.path}: {file.why}"
    for fate in (Fate.READ, Fate.LEFT):
        reasons: dict[str, list[str]] = {}
        for file in files:
            if file.fate is fate:
                reasons.setdefault(file.why, []).append(file.path)
        for why, paths in reasons.items():
            more = f" and {len(paths) - _MOST_FILES} more" if len(paths) > _MOST_FILES else ""
            yield f"{fate:<7}  {', '.join(paths[:_MOST_FILES])}{more}: {why}"


def _handoff(one: Drafted) -> str:
    arrow = "→" if one.way is Way.HANDS else "asks"
    more = f" and {len(one.hints) - 1} more" if len(one.hints) > 1 else ""
    bound = f", at most {one.at_most} times" if one.at_most else ""
    first = one.hints[0]
    return f"{one.source} {arrow} {one.target}{bound}   {first.place} ({first.origin}){more}"


def _left(one: LeftOut) -> str:
    near = f"; the nearest is `{one.nearest}`" if one.nearest else ""
    return f"{one.hint.place} ({one.hint.origin}) `{one.hint.name}`: {one.why}{near}"


def _cut(lines: list[str]) -> list[str]:
    return lines if len(lines) <= _MOST else [*lines[:_MOST], f"and {len(lines) - _MOST} more, with --json"]


def _table(report: ForeignReport) -> Iterator[str]:
    """A row a role; a cell reads `declared → effective`, and one word where the two agree."""
    rows = [("role", "model", "tools", "kind", "handoffs", "resources"), *(_cells(row) for row in report.rows)]
    short = [tuple(_fit(cell, width) for cell, width in zip(row, _WIDTHS, strict=True)) for row in rows]
    widths = [max(len(row[at]) for row in short) for at in range(len(_WIDTHS))]
    for row in short:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _cells(row: Row) -> tuple[str, ...]:
    said, got = row.declared, row.effective
    tools = "not said" if said.tools is None else ", ".join(said.tools) or "none"
    limits = ", ".join((*said.limits, *said.others)) or "-"
    hints = _counted(row.hints, "hint")
    if got is None:
        return row.slug, f"{_model(said.model)} → ?", f"{tools} → ?", "?", f"{hints} → ?", f"{limits} → ?"
    return (
        row.slug,
        _arrow(_model(said.model, got.model), ", ".join(got.model) or "none"),
        _arrow(tools, ", ".join(got.tools) or "none"),
        _arrow(said.kind or "-", got.kind),
        f"{hints} → {', '.join(got.handoffs) or 'none'}",
        _arrow(limits, got.resources),
    )


def _model(names: Sequence[str], served: Sequence[str] = ()) -> str:
    """What was asked for; what an alias or an old name means today, where that is not what serves the role."""
    now = [(name, current(name)) for name in names]
    shown = (f"{name} ({today})" if today and today not in (name, *served) else name for name, today in now)
    return ", ".join(shown) or "not said"


def _arrow(before: str, after: str) -> str:
    return after if before == after else f"{before} → {after}"


def _fit(cell: str, width: int) -> str:
    """The cell within its width. What was declared gives way first: the right side is what counts."""
    if len(cell) <= width:
        return cell
    before, arrow, after = cell.partition(" → ")
    room = width - len(arrow) - len(after)
    if arrow and room >= 6:
        return f"{before[: room - 1]}…{arrow}{after}"
    names = after.split(", ")
    for shown in range(len(names) - 1, 0, -1):
        some = f"{before}{arrow}{', '.join(names[:shown])} and {len(names) - shown} more"
        if len(some) <= width:
            return some
    return cell[: width - 1] + "…"
