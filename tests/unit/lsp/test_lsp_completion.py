"""What is offered at a place of a program or a role file, and what it would write."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsp_cases import CURSOR, LAB, ROOT, applied, edit_of, marked, replaced

from orgruntime.compiler import compile_org
from orgruntime.compiler.panel import BY_RESULTS
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.lsp import hover, keys
from orgruntime.lsp.buffer import Buffer
from orgruntime.lsp.completion import complete_program, complete_role
from orgruntime.lsp.program import ProgramView
from orgruntime.lsp.symbols import program_symbols, role_symbols
from orgruntime.model.payload import STANDARD_PAYLOADS, FieldType
from orgruntime.model.tools import BUILT_IN
from orgruntime.orgfile.source import Source, decode, read_source

PROGRAM = (LAB / "program.md").read_text(encoding="utf-8")
RESEARCHER, TRAINER = "[Researcher](roles/researcher.md)", "[Trainer](../../roles/trainer.md)"
REFEREE, SCRIBE = "[Referee](../../roles/referee.md)", "[Scribe](../../roles/scribe.md)"
ROLES = ["Researcher", "Trainer", "Referee", "Scribe", "Critic", "Director", "Simplifier"]
PAYLOADS = ["idea", "proposal", "result", "verdict", "memo", "note", "hypothesis", "experiment_plan", "finding"]
OUTCOMES = ["promising", "kept", "worse", "crashed", "conflicted", "invalid", "duplicate", "unmeasured"]


def offered(text: str) -> dict[str, str]:
    """Label → what is replaced."""
    view, at = marked(text)
    return {item.label: replaced(view.buffer, item) for item in complete_program(view, at)}


@pytest.mark.parametrize(
    ("item", "labels", "replaces"),
    [
        ("‸", ROLES, ""),
        ("Res‸", ROLES, "Res"),
        ("[Res‸", ROLES, "[Res"),
        ("[Res‸]", ROLES, "[Res]"),
        ("[Res‸](roles/x.md) → ", ROLES, "[Res](roles/x.md)"),
        (f"{RESEARCHER} ‸", ["→", "asks", "every"], ""),
        (f"{RESEARCHER} → ‸", ROLES, ""),
        (f"{RESEARCHER} asks [‸", ROLES, "["),
        (f"{RESEARCHER} → {TRAINER}‸", ["proposal"], ""),
        (f"{RESEARCHER} → {TRAINER}: ‸", ["proposal"], ""),
        (f"{RESEARCHER} → {TRAINER}: `pro‸`", ["proposal"], "pro"),
        (f"{RESEARCHER} → {SCRIBE}: `‸", ["proposal"], ""),
        ("[Director](../../roles/director.md) → [Scribe](../../roles/scribe.md): `‸", PAYLOADS, ""),
        (f"{TRAINER} → {REFEREE}: `‸`", ["result"], ""),
        (f"{TRAINER} → {REFEREE}: `result`‸", [], ""),
        (f"{TRAINER} → {REFEREE}: `result` ‸", ["when", "otherwise", "at most 2 times"], " "),
        (f"{TRAINER} → {REFEREE}: `result`, ‸", ["when", "otherwise", "at most 2 times"], ""),
        (f"{TRAINER} → {REFEREE}: `result`, wh‸", ["when", "otherwise", "at most 2 times"], "wh"),
        (f"{TRAINER} → {REFEREE}: `result`, when ‸", OUTCOMES, ""),
        (f"{TRAINER} → {REFEREE}: `result`, when pro‸", OUTCOMES, "pro"),
        (f"{TRAINER} → {REFEREE}: `result`, when promising, ‸", ["at most 2 times"], ""),
        (f"{REFEREE} → {RESEARCHER}: `verdict`, when ‸", ["certified", "discarded", "inconclusive", "crashed"], ""),
        (f"{SCRIBE} every ‸", ["20 trials", "2h"], ""),
        (f"{SCRIBE} every 20 trials: ‸", ["memo"], ""),
    ],
)
def test_items_of_the_workflow(item: str, labels: list[str], replaces: str) -> None:
    found = offered(f"{PROGRAM}6. {item}\n")

    assert list(found) == labels
    assert set(found.values()) <= {replaces}


@pytest.mark.parametrize(
    ("old", "new", "labels", "replaces"),
    [
        ("format: orgruntime/1\n", "‸\n", [
            "format", "models", "tools", "tool_names", "mcp_servers", "network", "imports", "requires"], ""),
        ("format: orgruntime/1\n", "format: ‸\n", ["orgruntime/1"], ""),
        ("  direction: minimize\n", "  ‸\n", ["direction", "target"], ""),
        ("direction: minimize", "direction: mi‸", ["minimize", "maximize"], "mi"),
        ("preset: balanced", "preset: b‸", ["cautious", "balanced", "bold"], "b"),
        ("preset: balanced", "blast_radius: {‸}", ["files", "lines", "gpus", "time"], ""),
        ("risk:", "imports: [lib/ref‸]\nrisk:", [f"lib/{name}" for name in (
            "critic", "director", "referee", "researcher", "scribe", "simplifier", "trainer")], "lib/ref"),
        ("risk:", "models:\n  tuner: ‸\nrisk:", [*keys.SPECIES, *keys.CLAUDE], ""),
        ("risk:", "models:\n  tuner:\n    ‸\nrisk:", list(keys.MODEL), ""),
        ("risk:", "models:\n  deep: {model: x, fallback: ‸}\n  wide: {model: y}\nrisk:", ["wide", *keys.CLAUDE], ""),
        ("risk:", "models:\n  deep: {model: x, effort: ‸}\nrisk:", ["low", "medium", "high", "xhigh", "max"], ""),
        ("risk:", "models:\n  deep: {model: x, price: {‸}}\nrisk:",
         ["input", "output", "cache_read", "cache_write"], ""),
        ("risk:", "mcp_servers: {lab: {‸}}\nrisk:", ["command", "url", "key_env"], ""),
        ("risk:", "mcp_servers: {lab: {url: 'http://x'}}\ntools: [Read, ‸]\nrisk:", ["mcp__lab", *BUILT_IN], ""),
        ("risk:", "tools: [Read, ‸]\nrisk:", list(BUILT_IN), ""),
        ("time_limit: 60s", "time_limit: ‸", [keys.PROGRAM["workspace"].keys["time_limit"].example], ""),
        ("| agent | 3 |", "| ag‸ | 3 |", ["agent", "experiment", "verifier", "human"], "ag"),
        ("search/cmaes, search/random", "search/‸", [*keys.SPECIES, *keys.CLAUDE, BY_RESULTS], "search/"),
        ("cpus: 1", "cpus: 1, g‸", ["gpus", "nodes", "memory", "minutes", "accelerator", "labels"], "g"),
        (f"| {SCRIBE} |", "| [‸] |", ROLES[:3] + ["Scribe", *ROLES[4:]], "[]"),
        ("| role | kind |", "| role | k‸ |", [
            "kind", "budget", "title", "tools", "produces", "consumes", "risk", "inputs", "memory", "was"], "k"),
        ("## Roles", "## R‸", ["## Roles", "## Payloads"], "## R"),
        ("## Standing orders", "## ‸", ["## Payloads", "## Standing orders"], "## "),
        ("2. One question", "2. One ‸ question", [], ""),
    ],
)  # fmt: skip
def test_places_of_a_program(old: str, new: str, labels: list[str], replaces: str) -> None:
    found = offered(PROGRAM.replace(old, new, 1))

    assert sorted(found) == sorted(labels)
    assert set(found.values()) <= {replaces}


def test_payloads_of_the_org_and_their_conditions() -> None:
    table = (
        "\n## Payloads\n\n| payload | field | type | required |\n|---|---|---|---|\n| survey | done | boolean | yes |\n"
    )
    table += "| survey | depth | choice: low, high | no |\n"

    items = PROGRAM.replace("digest/ledger", "claude-opus-5-5").replace(
        "5. [Scribe]", "5. [Scribe](../../roles/scribe.md) → [Researcher](roles/researcher.md): `‸`\n6. [Scribe]"
    )
    assert list(offered(items + table)) == ["idea", "proposal", "memo", "note", *STANDARD_PAYLOADS, "survey"]
    assert list(offered(items.replace("`‸`", "`survey`, when ‸") + table)) == ["done", "depth is low", "depth is high"]
    types = {*FieldType, "ref(survey)", *(f"ref({name})" for name in PAYLOADS)} - {FieldType.REF}
    assert set(offered(PROGRAM + table + "| survey | x | ‸ | yes |\n")) == types
    assert list(offered(PROGRAM + table + "| survey | x | string | ‸ |\n")) == ["yes", "no"]


@pytest.mark.parametrize(
    ("front", "labels"),
    [
        ("‸", ["name", "description", "tools", "model", "title", "org", "metadata"]),
        ("name: x\norg:\n  ‸", list(keys.HINTS)),
        ("org: {kind: ‸}", list(keys.KINDS)),
        ("org: {kind: experiment, resources: {‸}}", list(keys.RESOURCES)),
        ("tools: [‸]", ["Read", "Bash"]),
        ("tools: Read, ‸", ["Read", "Bash"]),
        ("org: {tools: [‸]}", ["Read", "Bash"]),
        ("org: {produces: [‸]}", PAYLOADS),
        ("org:\n  consumes: idea, ‸", PAYLOADS),
        ("org: {hands_off_to: [‸]}", ["referee", "researcher", "scribe", "trainer"]),
        ("org: {risk: ‸}", ["averse", "minimal", "cautious", "balanced", "open", "bold", "eager"]),
        ("org: {risk: {‸}}", ["preset", "blast_radius"]),
        ("org: {memory: ‸}", ["none", "own", "org"]),
        ("org: {human: ‸}", ["yes", "no"]),
        ("org:\n  inputs:\n    topic:\n      ‸", ["type", "default", "choices", "meaning"]),
        ("org: {model: ‸}", ["tuner", *keys.SPECIES, *keys.CLAUDE]),
        ("color: ‸", []),
    ],
)
def test_front_matter_of_a_role(front: str, labels: list[str]) -> None:
    program = PROGRAM.replace("risk:", "tools: [Read, Bash]\nmodels: {tuner: search/tpe}\nrisk:", 1)
    view = ProgramView(Buffer(LAB / "program.md", program))
    text = f"---\n{front}\n---\n\nWords.\n"
    buffer = Buffer(LAB / "roles" / "new.md", text.replace(CURSOR, ""))

    assert sorted(item.label for item in complete_role(buffer, text.index(CURSOR), view)) == sorted(labels)


@pytest.mark.parametrize(
    ("column", "labels"),
    [("memory", ["none", "own", "org"]), ("risk", ["cautious", "balanced", "bold"]), ("produces", PAYLOADS)],
)
def test_cells_for_what_role_files_hint_at(column: str, labels: list[str]) -> None:
    table = f"| role | {column} |\n|---|---|\n| {SCRIBE} | ‸ |\n\n## Workflow"
    begin, end = PROGRAM.index("| role |"), PROGRAM.index("## Workflow") + len("## Workflow")

    assert list(offered(PROGRAM[:begin] + table + PROGRAM[end:])) == labels


def test_a_role_of_no_org_is_offered_the_usual_tools() -> None:
    buffer = Buffer(Path("/agents/x.md"), "---\ntools: [\n---\n")

    assert [item.label for item in complete_role(buffer, 12, None)] == list(BUILT_IN)


def test_a_line_of_the_workflow_can_be_written_by_taking_proposals() -> None:
    """From nothing to an item that compiles, with what was offered alone."""
    text = PROGRAM + "6. ‸\n"
    for label in ("Scribe", "→", "Director", "memo", "at most 2 times"):
        view, at = marked(text)
        item = next(one for one in complete_program(view, at) if one.label == label)
        new = applied(view.buffer, item)
        end = len(new) - len(view.buffer.text) + at
        space = " " if label in ("Scribe", "memo") else ""
        text = new[:end] + space + CURSOR + new[end:]

    done = text.replace(CURSOR, "")
    item = "6. [Scribe](../../roles/scribe.md) → [Director](../../roles/director.md): `memo`, at most 2 times\n"
    assert done.endswith(item)
    assert [one for one in compiled(done) if one.code in ("ORG124", "ORG204", "ORG301", "ORG302", "ORG303")] == []


def compiled(text: str):
    def read(path: Path, shown: str, findings: Findings) -> Source | None:
        return (
            decode(text.encode(), shown, findings) if path.name == "program.md" else read_source(path, shown, findings)
        )

    return compile_org(LAB, read).diagnostics


SOURCES = [
    path.read_text(encoding="utf-8") for path in sorted([*ROOT.glob("orgs/*/program.md"), *ROOT.glob("roles/*.md")])
]


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_nothing_is_too_broken_to_answer(data: st.DataObject) -> None:
    """Shipped files with pieces cut out and noise put in: each proposal stays on the cursor's line."""
    text = data.draw(st.sampled_from(SOURCES))
    for _ in range(data.draw(st.integers(0, 3))):
        begin = data.draw(st.integers(0, len(text)))
        end = min(len(text), begin + data.draw(st.integers(0, 200)))
        text = (
            text[:begin]
            + data.draw(st.one_of(st.text(max_size=20), st.sampled_from(["|", "`", "[", "](", "---\n", "\n1. "])))
            + text[end:]
        )
    buffer = Buffer(LAB / "program.md", text)
    offset = data.draw(st.integers(0, len(buffer.text)))
    view, here = ProgramView(buffer), buffer.position(offset)

    for item in [*complete_program(view, offset), *complete_role(buffer, offset, view)]:
        where = edit_of(item).range
        assert where.start.line == where.end.line == here.line
        assert where.start <= here <= where.end
    view.role_at(offset), view.payload_at(offset)
    hover.key(buffer, offset, keys.PROGRAM), hover.payload(view, offset)
    for symbol in [*program_symbols(view), *role_symbols(buffer)]:
        assert symbol.range.start <= symbol.selection_range.start
        assert symbol.selection_range.end <= symbol.range.end
        assert symbol.name.strip()
