"""Renderings: the caret is under the fault, nothing raw reaches a terminal, the order is one."""

from __future__ import annotations

import json

from orgruntime.diagnostics.codes import CODES, FOREIGN_KEY, UNKNOWN_KEY
from orgruntime.diagnostics.diagnostic import Diagnostic, Findings
from orgruntime.diagnostics.render import as_json, concise, full, summary
from orgruntime.diagnostics.span import Span


def found(message: str, span: Span, help: str = "") -> tuple[Diagnostic, ...]:
    findings = Findings()
    findings.add(UNKNOWN_KEY, span, message, help)
    return findings.sorted()


def test_full_shows_the_lines_around_and_a_caret_under_the_span() -> None:
    text = "objective:\n  metrc: val_loss\n  direction: minimize\n"
    shown = full(found("unknown key `metrc`", Span("p.md", 2, 3, 2, 8), "did you mean `metric`?"), {"p.md": text})
    assert shown == (
        "error[ORG113]: unknown key `metrc`\n"
        " --> p.md:2:3 (unknown-key)\n"
        "  |\n"
        "1 | objective:\n"
        "2 |   metrc: val_loss\n"
        "  |   ^^^^^\n"
        "3 |   direction: minimize\n"
        "  |\n"
        "  = help: did you mean `metric`?\n"
    )


def test_caret_counts_wide_characters_and_tabs() -> None:
    shown = full(found("x", Span("p.md", 1, 4, 1, 5)), {"p.md": "世\té!\n"})
    line, caret = shown.split("\n")[3:5]
    assert line == "1 | 世    é!"
    assert caret == "  |        ^"


def test_a_tab_that_is_marked_is_seen() -> None:
    shown = full(found("x", Span("p.md", 1, 2, 1, 3)), {"p.md": "\t\ta\tb\n"})
    assert "| " + " " * 4 + "→   a    b" in shown


def test_control_characters_never_reach_the_terminal() -> None:
    text = "a\x1b[2Jb\u202ec\x07\n"
    diagnostics = found("bad \x1b]0;x\x07", Span("p\x1b.md", 1, 1, 1, 2))
    for shown in (full(diagnostics, {"p\x1b.md": text}), concise(diagnostics)):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "\x07" not in shown


def test_colours_only_where_asked() -> None:
    diagnostics = found("x", Span("p.md"))
    assert "\x1b[" not in full(diagnostics, {"p.md": "text"})
    assert "\x1b[1;31m" in full(diagnostics, {"p.md": "text"}, colour=True)


def test_a_long_line_is_cut_around_the_fault() -> None:
    shown = full(found("x", Span("p.md", 1, 5001, 1, 5004)), {"p.md": "a" * 5000 + "BAD" + "a" * 5000})
    line, caret = shown.split("\n")[3:5]
    assert len(line) < 200
    assert line[caret.index("^") : caret.rindex("^") + 1] == "BAD"


def test_a_span_outside_of_the_text_does_not_raise() -> None:
    assert "error[ORG113]" in full(found("x", Span("p.md", 99, 7, 99, 9)), {"p.md": "one line"})


def test_order_is_by_place_and_equal_findings_are_kept_once() -> None:
    findings = Findings()
    for line in (9, 2, 2):
        findings.add(UNKNOWN_KEY, Span("b.md", line, 1, line, 2), "x")
    findings.add(FOREIGN_KEY, Span("a.md"), "y")
    assert [(one.span.file, one.span.line) for one in findings.sorted()] == [("a.md", 1), ("b.md", 2), ("b.md", 9)]
    assert findings.has_errors
    assert summary(findings) == "2 errors, 1 info"


def test_json_holds_the_promised_keys() -> None:
    files = [{"path": "program.md", "kind": "program", "slug": None}]
    made = json.loads(json.dumps(as_json(files, found("x", Span("p.md", 2, 3, 2, 8), "y"))))
    assert made["files"] == files
    (entry,) = made["diagnostics"]
    promised = {"code": "ORG113", "name": "unknown-key", "severity": "error", "file": "p.md", "line": 2, "column": 3}
    assert promised.items() <= entry.items()
    assert entry["message"] == "x"
    assert entry["help"] == "y"


def test_codes_are_in_their_groups_and_names_are_unique() -> None:
    assert all(code.id == key and "100" < key[3:] < "800" for key, code in CODES.items())
    assert len({code.name for code in CODES.values()}) == len(CODES)
