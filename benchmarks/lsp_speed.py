"""How soon the language server answers a key: from the change to the findings of that version, over the real protocol.

    python benchmarks/lsp_speed.py [ORG…]      default: every org of orgs/, and one of 1,000 roles of 5 KB

Types into the org's program.md one character at a time, waiting for each answer, and asks for completion in between. In
the large org it types into a role file instead: the goal is an answer within 0.3 s from the third key on, when what was
made of the other files is remembered.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "functional"))
KEYS = 60


def measure(org: Path) -> tuple[list[float], list[float]]:
    """Seconds until findings, and until proposals, of each key."""
    from lsp_client import Editor

    path = org / "program.md"
    text = path.read_text(encoding="utf-8")
    editor = Editor()
    editor.start(ROOT)
    uri = editor.open(path)
    editor.findings(uri)
    line = text.count("\n")
    findings, proposals = [], []
    for version in range(2, KEYS + 2):
        typed = f"6. [Researcher](roles/researcher.md) → [Trainer{'x' * version}"
        begin = time.perf_counter()
        editor.change(uri, text + typed, version)
        editor.at("completion", uri, (line, len(typed)))
        proposals.append(time.perf_counter() - begin)
        editor.findings(uri, version)
        findings.append(time.perf_counter() - begin)
    editor.leave()
    return findings, proposals


def large(org: Path) -> list[float]:
    """Seconds until the findings of each key that is typed into a role file of a large org."""
    from lsp_client import Editor

    role = org / "roles" / "researcher-0007.md"
    text = role.read_text(encoding="utf-8")
    editor = Editor()
    editor.start(org)
    uri = editor.open(role)
    editor.findings(uri)
    seconds = []
    for version in range(2, 14):
        begin = time.perf_counter()
        editor.change(uri, text + "x" * version, version)
        editor.findings(uri, version)
        seconds.append(time.perf_counter() - begin)
    editor.leave()
    return seconds[2:]


def main() -> None:
    from check_speed import make_org

    given = [Path(word) for word in sys.argv[1:]]
    orgs = given or sorted(path.parent for path in ROOT.glob("orgs/*/program.md"))
    print(f"milliseconds over {KEYS} keys: median, 95th of a hundred, worst")
    for org in orgs:
        for what, seconds in zip(("findings", "proposals"), measure(org.resolve()), strict=True):
            show(org.name, what, seconds)
    if not given:
        with tempfile.TemporaryDirectory() as folder:
            show("1,000 roles", "a role", large(make_org(Path(folder) / "large")))


def show(org: str, what: str, seconds: list[float]) -> None:
    ranked = sorted(1000 * one for one in seconds)
    print(f"{org:16} {what:10} {median(ranked):6.0f} {ranked[int(0.95 * len(ranked))]:6.0f} {ranked[-1]:6.0f}")


if __name__ == "__main__":
    main()
