"""Both ends of a command that is carried out on another machine: frames, versions, deaths, places; over real processes.

The job server is `LocalJobs`: the far end runs here, without a Ray.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from orgruntime import __version__
from orgruntime.api import far_jobs
from orgruntime.api.errors import UserError
from orgruntime.api.far import LetGo, far_verb, fetch_report, resume_far
from orgruntime.api.far_end import file_system, hello, refuse_shared
from orgruntime.api.far_jobs import FarOptions
from orgruntime.api.frames import Frame, Kind, read, written
from orgruntime.api.running import View
from orgruntime.runtime.events import EventKind, RunEvent
from orgruntime.testing.conformance.jobs import over
from orgruntime.testing.local_jobs import LocalJobs

FAR = FarOptions("http://head:8265")
Play = Callable[[Callable[[Sequence[str]], Sequence[str]]], LocalJobs]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    """Makes the job server, given what is run instead of a command."""
    made: list[LocalJobs] = []

    def start(played: Callable[[Sequence[str]], Sequence[str]]) -> LocalJobs:
        made.append(LocalJobs(tmp_path / "jobs", played))
        monkeypatch.setattr(far_jobs, "open_jobs", lambda address: made[-1])
        return made[-1]

    yield start
    for jobs in made:
        jobs.close()


def printed(*frames: Frame, then: str = "") -> list[str]:
    """A command that says frames."""
    return ["sh", "-c", f'printf "%s\\n" "$@"; {then}', "sh", *map(written, frames)]


def other(orgruntime: str, ray: str) -> Frame:
    return Frame(Kind.HELLO, data={"orgruntime": orgruntime, "ray": ray})


PROBE = Frame(Kind.ANSWER, data={"runs": "/runs", "taken": [], "ids": ["r1"], "keys": [], "fleet": None})
END = Frame(Kind.END)


def as_head(*frames: Frame, then: str = "") -> Callable[[Sequence[str]], Sequence[str]]:
    """A head that answers a probe, and says the frames to all else."""

    def played(command: Sequence[str]) -> Sequence[str]:
        return printed(hello(), PROBE, END) if "probe" in command else printed(hello(), *frames, then=then)

    return played


def test_a_frame_is_one_line_whatever_it_says() -> None:
    frame = Frame(Kind.OUT, "a\nb\x1b[31m é", {"name": "x"}, 3)
    line = written(frame)
    assert line.isascii()
    assert line.isprintable()
    assert read(line) == frame


@pytest.mark.parametrize(
    "line", ["", "{}", '{"orgrun": "out"}', '{"orgrun": "what", "text": "", "data": {}, "code": 0}']
)
def test_a_line_that_is_no_frame_is_none(line: str) -> None:
    assert read(line) is None


def test_a_verb_is_answered_by_the_far_end_itself(play: Play, tmp_path: Path) -> None:
    """The real far end, as a process of its own; the helper before it is cleared away."""
    jobs = play(tuple)
    heard: list[tuple[str, bool]] = []
    for _ in range(2):
        code = far_verb(FAR.address, ["status", "--", "gone"], str(tmp_path), lambda *line: heard.append(line))
        (job,) = jobs.all()
        over(jobs, job.id)
    assert code == 2
    assert heard[-1] == (
        f"orgrun: error: there is no run 'gone' in {tmp_path} (there is none; start one with `orgrun run ORG`)", True
    )  # fmt: skip


def test_a_hint_of_the_head_is_what_has_to_be_typed_here(play: Play) -> None:
    play(as_head(Frame(Kind.OUT, "go on with `orgrun resume r1`"), Frame(Kind.END, code=1)))
    heard: list[str] = []
    assert far_verb(FAR.address, ["stop"], "/runs", lambda line, _: heard.append(line)) == 1
    assert heard == ["go on with `orgrun resume r1 --address http://head:8265 --runs /runs`"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (["sh", "-c", "echo python: No module named orgruntime; exit 1"], f"'orgruntime[jobs]=={__version__}'"),
        (["sh", "-c", "echo sh: 1: exec: python: not found; exit 127"], "finds no `python` at all"),
        (["sh", "-c", "echo Killed; exit 137"], "ended without a word, it is failed; its last lines: Killed"),
        (printed(other("9.9.1", "2.60.0")), "the cluster's head has orgruntime 9.9.1"),
        (printed(other(__version__, "1.9.2")), "the cluster's head has ray 1.9.2"),
        (printed(hello(), Frame(Kind.FAULT, "no, because", code=2), END), "no, because"),
    ],
)  # fmt: skip
def test_what_a_head_cannot_do_is_one_sentence(play: Play, said: list[str], words: str) -> None:
    play(lambda _: said)
    with pytest.raises(UserError) as refused:
        far_verb(FAR.address, ["ls"], None, lambda *_: None)
    assert words in str(refused.value)


class Seen(View):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def event(self, event: RunEvent) -> None:
        self.texts.append(event.text)


def test_a_run_is_let_go_of_once_it_has_begun(play: Play) -> None:
    started = RunEvent(event=EventKind.STARTED, text="r1: starting").model_dump(mode="json")
    jobs = play(as_head(Frame(Kind.EVENT, data=started), then="exec sleep 600"))
    view = Seen()
    with pytest.raises(LetGo) as left:
        resume_far(None, FarOptions(FAR.address, detach=True), view)
    assert (left.value.run, view.texts) == ("r1", ["r1: starting"])
    job = jobs.get("r1.2")
    assert job is not None
    assert not job.state.is_over
    assert dict(job.marks)["orgrun_run"] == "r1"


def test_files_of_a_head_lie_below_their_folder_alone(play: Play, tmp_path: Path) -> None:
    files = [Frame(Kind.FILE, piece, {"name": "report/a.txt"}) for piece in ("aGVs", "bG8=")]
    answer = Frame(Kind.ANSWER, data={"run": "r1"})
    play(as_head(*files, answer, END))
    found = fetch_report(FAR.address, None, None, tmp_path / "here")
    assert found["a.txt"].read_text() == "hello"
    assert found["a.txt"] == tmp_path / "here" / "r1" / "report" / "a.txt"
    play(as_head(Frame(Kind.FILE, "aGVs", {"name": "report/../../x"}), answer, END)).close()
    with pytest.raises(UserError, match="none of a report"):
        fetch_report(FAR.address, None, None, tmp_path / "there")


MOUNTS = """\
22 1 0:20 / / rw - ext4 /dev/sda1 rw
23 22 0:21 / /home rw - nfs4 host:/home rw
24 23 0:22 / /home/me/disk\\040one rw - xfs /dev/sdb1 rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/var/runs", "ext4"), ("/home/me/runs", "nfs4"), ("/home/me/disk one/runs", "xfs"), ("/homes", "ext4")],
)
def test_the_file_system_of_a_folder_is_that_of_its_deepest_mount(path: str, kind: str) -> None:
    assert file_system(Path(path), MOUNTS) == kind


def test_a_ledger_is_never_kept_on_a_shared_file_system() -> None:
    with pytest.raises(UserError, match=r"which is nfs4, shared.*--runs DIR"):
        refuse_shared(Path("/home/me/runs"), MOUNTS)
    refuse_shared(Path("/var/runs"), MOUNTS)


def test_the_pack_is_kept_from_the_processes_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from orgruntime.api.far_end import _JOB_CONFIG, _keep_the_pack_here

    config = {"runtime_env": {"working_dir": "gcs://x.zip", "env_vars": {}}, "metadata": {"a": "b"}}
    monkeypatch.setenv(_JOB_CONFIG, json.dumps(config))
    _keep_the_pack_here()
    assert json.loads(os.environ[_JOB_CONFIG]) == {"runtime_env": {"env_vars": {}}, "metadata": {"a": "b"}}
