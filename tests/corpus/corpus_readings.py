"""What the reader makes of a file of the corpus, as plain values: the form in which `expected.toml` states it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from orgruntime.compiler.rolefile import RoleFile, role_of, slug_of
from orgruntime.diagnostics.diagnostic import Diagnostic, Findings
from orgruntime.orgfile.source import decode

CORPUS = Path(__file__).parent
FILES = CORPUS / "files"
TABLE = CORPUS / "expected.toml"


def names() -> list[str]:
    return sorted(path.relative_to(FILES).as_posix() for path in FILES.rglob("*.md"))


def read(data: bytes, name: str = "role.md") -> tuple[RoleFile | None, tuple[Diagnostic, ...]]:
    findings = Findings()
    source = decode(data, name, findings)
    return (role_of(source, slug_of(name), findings) if source else None), findings.sorted()


def reading(data: bytes, name: str = "role.md") -> dict[str, Any]:
    """`found`: code, line:column and the words that the span covers, of each finding."""
    role, diagnostics = read(data, name)
    said: dict[str, Any] = {}
    if role is not None:
        said |= meaning(role)
    said["found"] = [
        f"{one.code} {one.span.line}:{one.span.column} {covered(data, one)}".rstrip() for one in diagnostics
    ]
    return said


def meaning(role: RoleFile) -> dict[str, Any]:
    """What a role file says, without the places where it says it."""
    said: dict[str, Any] = {"slug": role.slug, "name": role.name, "description": role.description}
    if role.tools is not None:
        said["tools"] = [node.text for node in role.tools]
    if role.denied:
        said["denied"] = [node.text for node in role.denied]
    if role.model:
        said["model"] = [node.text for node in role.model]
    if role.kind:
        said["kind"] = role.kind.value
    said["body"] = f"{role.body[:24]}|{role.body[-12:]}" if role.body else ""
    said["front"] = "broken" if role.broken else "yes" if role.has_front_matter else "no"
    return said


def covered(data: bytes, found: Diagnostic) -> str:
    """The bytes that a span covers on its first line, told from the bytes of the file and not from the reader."""
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    span = found.span
    line = lines[span.line - 1].decode("utf-8-sig" if span.line == 1 else "utf-8", errors="replace")
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    return json.dumps(line[span.column - 1 : end], ensure_ascii=False)


def write_table() -> None:
    """States the present readings; compare with what was there before they are kept."""
    parts = ["# What each file is read as. `found`: rule, line:column, and the words that the finding points at.\n"]
    for name in names():
        parts.append(f'\n["{name}"]\n')
        for key, value in reading((FILES / name).read_bytes(), name).items():
            if isinstance(value, list) and value:
                parts.append(f"{key} = [\n" + "".join(f"  {_toml(item)},\n" for item in value) + "]\n")
            else:
                parts.append(f"{key} = {_toml(value)}\n")
    TABLE.write_text("".join(parts), encoding="utf-8")


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


if __name__ == "__main__":
    write_table()
