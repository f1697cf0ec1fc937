"""`program.md` formatted: the same meaning, the same bytes elsewhere, and nothing to do a second time."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgruntime.api.errors import UserError
from orgruntime.api.formatting import formatted, write
from orgruntime.compiler import compile_org
from orgruntime.compiler.diagram import BEGIN, END, drawn

HEAD = """---
format: orgruntime/1
objective: {metric: val_loss, direction: minimize}
workspace:
  source: .
  editable: [train.py]
  run: python train.py --seed {seed}
budget: {trials: 100}   # kept,  as   it is
models: {default: claude-opus-5-5}
---

# Lab  \t

Words,  oddly   spaced.

## Roles

| role | kind |
|---|---|
| [Thinker](roles/thinker.md) | agent |
| [Trainer](roles/trainer.md) | experiment |
| [Referee](roles/referee.md)|verifier |

## Payloads

| payload | field | type |
|---|---|---|
| plan | size | choice: small, very large |

## Workflow

Some   words.

"""
TAIL = "\n\n##  House rules\n\n* one\n  1. [x](roles/thinker.md) -> nothing\n"
THINKER, TRAINER, REFEREE = (f"[{name}](roles/{name.lower()}.md)" for name in ("Thinker", "Trainer", "Referee"))
NORMAL = f"""\
1. {THINKER} → {TRAINER}: `proposal`
2. {TRAINER} → {REFEREE}: `result`, when promising
3. {TRAINER} → {THINKER}: `result`, when crashed, at most 2 times
4. {TRAINER} → {THINKER}: `result`, otherwise, at most once
5. {THINKER} every 1h30m: `memo`
6. {THINKER} every 20 trials: `memo`"""
ODD = f"""\
 - {THINKER}  ->  [Our
trainer](roles/trainer.md "him") : `proposal`.
 - {TRAINER} => {REFEREE}   :   ` result `  when   promising

 - {TRAINER}
   → {THINKER}: `result`; at most twice, when `crashed`
 - {TRAINER} --> {THINKER}: `result` , otherwise , at most 1 times .
 - {THINKER} every 90 minutes: `memo`
 - {THINKER} every 20 Trials: `memo`"""


def make_org(folder: Path, program: bytes) -> Path:
    (folder / "roles").mkdir(exist_ok=True)
    (folder / ".git").mkdir(exist_ok=True)
    (folder / "train.py").write_text("print('---')\nprint('val_loss: 1')\n")
    for name in ("thinker", "trainer", "referee"):
        (folder / "roles" / f"{name}.md").write_text(f"---\nname: {name.title()}\n---\n\nWords.\n")
    (folder / "program.md").write_bytes(program)
    return folder


def after(folder: Path) -> bytes:
    (one,) = formatted([folder])
    return one.after


def graph(folder: Path):
    manifest = compile_org(folder).manifest
    assert manifest is not None, [one.message for one in compile_org(folder).diagnostics]
    return manifest.graph


def test_an_odd_list_becomes_the_normal_one(tmp_path: Path) -> None:
    org = make_org(tmp_path, (HEAD + ODD + TAIL).encode())
    before = graph(org)
    manifest = compile_org(org).manifest
    assert manifest is not None
    made = after(org).decode()
    link = '[Our trainer](roles/trainer.md "him")'
    assert made == HEAD + NORMAL.replace(TRAINER, link, 1) + f"\n\n{drawn(manifest)}" + TAIL
    (org / "program.md").write_text(made)
    assert graph(org) == before


def test_a_diagram_is_filled_where_its_markers_are(tmp_path: Path) -> None:
    marked = f"{TAIL}\n## Picture\n\n<!--orgrun:graph-->\nold\n\nolder\n<!--/orgrun:graph-->  \nmore\n"
    org = make_org(tmp_path, (HEAD + NORMAL + marked).encode())
    manifest = compile_org(org).manifest
    assert manifest is not None
    expected = f"{TAIL}\n## Picture\n\n{drawn(manifest)}\nmore\n"
    assert after(org).decode() == HEAD + NORMAL + expected


def test_markers_in_an_example_are_words(tmp_path: Path) -> None:
    example = f"\n\n## Notes\n\n```markdown\n{BEGIN}\nx\n{END}\n```\n"
    org = make_org(tmp_path, (HEAD + NORMAL + example).encode())
    made = after(org).decode()
    assert made.endswith(example)
    assert made.startswith(f"{HEAD}{NORMAL}\n\n{BEGIN}\n```mermaid\n")


def test_a_diagram_without_an_end_is_not_guessed(tmp_path: Path) -> None:
    org = make_org(tmp_path, f"{HEAD}{NORMAL}\n\n{BEGIN}\n\nwords\n".encode())
    with pytest.raises(
        UserError, match=r"program\.md:\d+: the diagram has no end; write a line `<!-- /orgrun:graph -->`"
    ):
        formatted([org])


def test_an_org_without_a_workflow_gets_no_diagram_unless_it_asks(tmp_path: Path) -> None:
    head = HEAD.split("## Workflow")[0]
    org = make_org(tmp_path, head.encode())
    assert after(org).decode() == head
    (org / "program.md").write_text(f"{head}{BEGIN}\n{END}\n")
    assert after(org).decode().startswith(f"{head}{BEGIN}\n```mermaid\nflowchart TD\n")


def test_two_lists_are_numbered_each_from_one(tmp_path: Path) -> None:
    lines = NORMAL.split("\n")
    text = (
        "\n".join(lines[:2])
        + "\n\nThe second   part.\n\n"
        + "\n".join(f"{n}) {one[3:]}" for n, one in enumerate(lines[2:], 7))
    )
    org = make_org(tmp_path, (HEAD + text + TAIL).encode())
    before = graph(org)
    made = after(org).decode()
    assert "\n\nThe second   part.\n\n1. [Trainer]" in made
    (org / "program.md").write_text(made)
    assert graph(org) == before
    assert after(org).decode() == made


def test_errors_come_first(tmp_path: Path) -> None:
    org = make_org(tmp_path, (HEAD + NORMAL.replace("`memo`", "`mem`", 1) + TAIL).encode())
    with pytest.raises(UserError, match="ORG301") as caught:
        formatted([org])
    assert caught.value.code == 1


def test_the_file_keeps_its_rights_and_links_stay_links(tmp_path: Path) -> None:
    org = make_org(tmp_path, (HEAD + ODD + TAIL).encode())
    (org / "program.md").rename(org / "real.md")
    (org / "real.md").chmod(0o640)
    (org / "program.md").symlink_to("real.md")
    (one,) = formatted([org])
    write(one)
    assert (org / "program.md").is_symlink()
    assert (org / "real.md").read_bytes() == one.after
    assert (org / "real.md").stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in org.iterdir() if path.is_file()) == ["program.md", "real.md", "train.py"]


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    org = make_org(tmp_path, (HEAD + ODD + TAIL).encode())
    (one,) = formatted([org])
    (org / "program.md").write_text("mine")
    with pytest.raises(UserError, match="has changed meanwhile"):
        write(one)
    assert (org / "program.md").read_text() == "mine"

    make_org(tmp_path, (HEAD + ODD + TAIL).encode())
    compiled = compile_org(org)
    (org / "program.md").write_text(HEAD + "1. words\n")
    monkeypatch.setattr("orgruntime.api.formatting.compile_org", lambda path: compiled)
    with pytest.raises(UserError, match="has changed meanwhile"):
        formatted([org])


_space = st.sampled_from([" ", "  ", "\n   ", " \t"])
_arrow = st.sampled_from(["→", "->", "-->", "=>", "⟶"])
_marker = st.sampled_from(["-", "*", "1.", "7)"])


@st.composite
def _items(draw: st.DrawFn) -> list[str]:
    """Handoffs that compile together, oddly written."""
    s, arrow = (lambda: draw(_space)), (lambda: draw(_arrow))
    count = draw(st.sampled_from(["once", "twice", "3 times", "1 time", "12 times"]))
    period = draw(st.sampled_from(["20 trials", "1 trial", "90s", "2 h", "1h30m", "1.5h", "0.1s", "2 days", "100ms"]))
    times = draw(st.sampled_from(["", " ×3", " x 2", " X4"]))
    items = [
        f"{THINKER}{s()}{arrow()}{s()}{TRAINER}{times}{s()}:{s()}`proposal`",
        f"{TRAINER}{s()}{arrow()} {REFEREE}: `result`{draw(st.sampled_from([',', '', ';']))}{s()}when{s()}promising",
        f"{TRAINER} {arrow()} {THINKER}:{s()}`result`, when crashed, at most {count}",
        f"{TRAINER} {arrow()}{s()}{THINKER}: `result`, at most {count}, otherwise",
        f"{THINKER}{s()}every {period}:{s()}`memo`",
    ]
    return [item + draw(st.sampled_from(["", ".", " ."])) for item in items]


@settings(max_examples=60, deadline=None)
@given(
    items=_items(), marker=_marker, between=st.sampled_from(["\n", "\n\n", "\n \n\n"]),
    end=st.sampled_from(["\n", "\r\n"]), mark=st.booleans(), tail=st.sampled_from([TAIL, "", "\n", "\n## Notes\nx"]),
)  # fmt: skip
def test_formatting_keeps_meaning_and_bytes_and_is_done_once(
    items: list[str], marker: str, between: str, end: str, mark: bool, tail: str
) -> None:
    listed = between.join(f"{marker} {item}" for item in items)
    program = ("\ufeff" * mark + (HEAD + listed + tail).replace("\n", end)).encode()
    with tempfile.TemporaryDirectory() as name:
        org = make_org(Path(name), program)
        before = graph(org)
        made = after(org)
        (org / "program.md").write_bytes(made)

        assert graph(org) == before
        assert after(org) == made
        assert made.startswith(("\ufeff" * mark + HEAD.replace("\n", end)).encode())
        assert made.endswith(tail.replace("\n", end).encode())
        assert made.replace(b"\r\n", b"").count(b"\n") == (0 if end == "\r\n" else made.count(b"\n"))
        middle = made.decode("utf-8-sig").replace("\r\n", "\n")[len(HEAD) :].split("\n\n")[0].split("\n")
        assert [line.split(" ", 1)[0] for line in middle] == [f"{n}." for n in range(1, len(items) + 1)]
