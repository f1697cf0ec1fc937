"""Bytes to text: places are those that an editor shows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.orgfile.source import MAX_FILE_BYTES, Source, decode, read_source


def codes(findings: Findings) -> list[str]:
    return [found.code for found in findings.sorted()]


def test_offsets_become_lines_and_columns_in_code_points() -> None:
    source = Source("f", "ab\né世x\n\nlast")
    assert source.place(0) == (1, 1)
    assert source.place(5) == (2, 3)
    assert source.place(len(source.text)) == (4, 5)
    assert source.span(3, 5).end_column == 3


@pytest.mark.parametrize("data", [b"a\r\nb\r\n", b"a\rb\r", b"a\r\nb\r"])
def test_carriage_returns_are_line_ends(data: bytes) -> None:
    findings = Findings()
    source = decode(data, "f", findings)
    assert source is not None
    assert source.text == "a\nb\n"
    assert codes(findings) == ["ORG105"]


def test_bad_bytes_are_told_with_their_place() -> None:
    findings = Findings()
    assert decode("é\nab".encode() + b"\xff", "f", findings) is None
    (found,) = findings
    assert (found.span.line, found.span.column) == (2, 3)


def test_emoji_sequences_and_flags_are_not_hidden_characters() -> None:
    findings = Findings()
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f "
    wales = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"
    decode((family + wales).encode(), "f", findings)
    assert codes(findings) == []


def test_tag_characters_without_a_flag_are_told_once_a_character() -> None:
    findings = Findings()
    decode("ignore\U000e0069\U000e0067\U000e0069".encode(), "f", findings)
    assert codes(findings) == ["ORG118", "ORG118"]


def test_odd_files_are_findings_and_never_hang(tmp_path: Path) -> None:
    (tmp_path / "big.md").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "zero.md").symlink_to("/dev/zero")
    (tmp_path / "loop.md").symlink_to("loop.md")
    for name in ("big.md", "pipe.md", "zero.md", "loop.md", "absent.md"):
        findings = Findings()
        assert read_source(tmp_path / name, name, findings) is None
        assert codes(findings) == ["ORG102"], name
