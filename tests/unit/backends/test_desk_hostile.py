"""Hostile commands at a desk: each ends as a result that says so, and nothing of it stays or gets out."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from desk_cases import FILES, Desk, level

from orgruntime.backends import desk_shell, worktree
from orgruntime.backends.desk_shell import Abandoned, Shell

BOXED = pytest.param(
    True, id="boxed", marks=pytest.mark.skipif(level()[0] != "strict", reason=f"no sandbox here: {level()[1]}")
)
boxed_only = pytest.mark.skipif(level()[0] != "strict", reason=f"no sandbox here: {level()[1]}")


@pytest.fixture(params=[BOXED, pytest.param(False, id="open")])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path, boxed=request.param)
    yield desk
    desk.close()
    eventually(lambda: not desk.left())


@pytest.fixture
def boxed(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def eventually(true: Any, limit_s: float = 120.0) -> None:
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.02)


def processes_with(mark: str) -> list[int]:
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if mark.encode() in Path(f"/proc/{name}/cmdline").read_bytes():
                found.append(int(name))
        except OSError:
            continue
    return found


def test_a_command_works_in_the_worktree(desk: Desk) -> None:
    desk.worktree.write("train.py", "print(open('eval.py').read(), 6 * 7)\n")
    said = desk.says("Bash", command="python train.py; echo err >&2; ls; sed -i s/6/5/ train.py; printf 'x\\xff'")
    assert said.splitlines() == ["FROZEN", " 42", "err", "data", "eval.py", "src", "train.py", "x\ufffd"]
    assert "5 * 7" in desk.tools.files()["train.py"]
    ran = desk.use("Bash", command="echo y > src/new_a.py; exit 3")
    assert (ran.result.text, ran.result.is_error, ran.changes) == ("[exit code 3]", True, {"src/new_a.py": "y\n"})
    assert desk.says("Bash", command="true") == "[exit code 0; it printed nothing]"
    assert desk.tools.cpu_s > 0


def test_frozen_files_stay_as_they_are(desk: Desk) -> None:
    said = desk.use("Bash", command="echo x >> eval.py; rm -rf data src; mv eval.py gone; echo y > src/judge.py")
    for path in ("eval.py", "src/judge.py", "data/names.txt"):
        assert desk.worktree.text(path) == FILES[path]
        assert (Path(desk.tree.base) / path).read_text() == FILES[path]
    assert "FROZEN" in desk.says("Bash", command="cat eval.py src/judge.py")
    assert ("eval.py is frozen and was put back" in said.result.text) is not desk.shell.boxed
    assert desk.tools.files() == {}


def test_a_link_leads_nowhere(desk: Desk, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the key")
    said = desk.says("Bash", command=f"ln -sf {secret} train.py; ln -s / root; ln -s ../../.. up; echo done")
    assert "train.py (a symbolic link) was removed" in said
    assert "the key" not in desk.says("Read", file_path="train.py")
    for name, fields in (
        ("Read", {"file_path": f"root{secret}"}), ("Read", {"file_path": "root/etc/passwd"}),
        ("Edit", {"file_path": "up/x", "old_string": "a", "new_string": "b"}),
        ("Write", {"file_path": "root/x", "content": "x"}),
    ):  # fmt: skip
        desk.fails(name, **fields)
    assert desk.says("Grep", pattern="the key") == f"[no match in {len(FILES)} files]"
    assert secret.read_text() == "the key"


def test_a_command_that_does_not_end_is_ended(desk: Desk) -> None:
    mark = f"1000.{os.getpid()}"
    ran = desk.use("Bash", command=f"trap '' TERM; echo here; sleep {mark}", timeout=5000)
    assert ran.result.text == "here\n[it was still running at its limit of 5 s and was ended]"
    assert ran.result.is_error
    assert processes_with(mark) == []


def test_nothing_keeps_running(desk: Desk) -> None:
    mark = f"2000.{os.getpid()}"
    said = desk.says("Bash", command=f"(setsid nohup sleep {mark} >/dev/null 2>&1 &) ; sleep 0.2; echo over")
    assert said == "over"
    eventually(lambda: processes_with(mark) == [])


def test_a_fork_bomb_is_ended(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_shell, "PROCESSES", 60)
    mark = f"3000.{os.getpid()}"
    assert "too many processes" in desk.fails("Bash", command=f"for i in $(seq 500); do sleep {mark} & done; wait")
    eventually(lambda: processes_with(mark) == [])


def test_memory_is_limited(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_shell, "MEMORY_MB", 200)
    said = desk.fails("Bash", command=f"{sys.executable} -c 'x = b\"x\" * 500_000_000; import time; time.sleep(60)'")
    assert "too much memory" in said


def test_writing_without_end_is_ended_and_undone(desk: Desk) -> None:
    desk.worktree.write("train.py", "mine")
    said = desk.fails("Bash", command="echo theirs > train.py; yes | head -c 100000000 > big; sleep 60")
    assert "it wrote too much into the workspace and was ended" in said
    assert "undone" in said
    assert desk.tools.files() == {"train.py": "mine"}
    assert desk.says("Bash", command="cat train.py; ls") == "minedata\neval.py\nsrc\ntrain.py"


def test_files_without_number_are_ended_and_undone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worktree, "MOST_FILES", 200)
    said = desk.fails("Bash", command="i=0; while :; do mkdir d$i; : > d$i/f; i=$((i+1)); done")
    assert "more than 200 new files and folders" in said
    assert desk.says("Bash", command="ls").split() == ["data", "eval.py", "src", "train.py"]


def test_folders_without_bottom_are_removed(desk: Desk) -> None:
    code = "import os\nfor _ in range(1500):\n    os.mkdir('d'); os.chdir('d')"
    desk.use("Bash", command=f'{sys.executable} -c "{code}"')
    assert len(desk.says("Glob", pattern="**").splitlines()) == len(FILES)


def test_output_without_end_is_bounded(desk: Desk) -> None:
    said = desk.says("Bash", command="head -c 5000000 /dev/zero | tr '\\0' 'x'; echo; echo END")
    assert len(said) < desk.limits.result_chars
    assert "left out" in said
    assert said.endswith("END")


def test_terminal_tricks_are_left_out(desk: Desk) -> None:
    said = desk.says("Bash", command=r"printf '\e[2J\e]0;title\a\e[31mred\e[0m\r\n\u202eevil\u200b\n'")
    assert said == "red\nevil"


@boxed_only
def test_no_key_and_no_secret_is_in_reach(boxed: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray/auth_token").write_text("sk-ant-secret")
    said = boxed.use(
        "Bash",
        command=f"env; cat /proc/*/environ; cat {tmp_path}/.ray/auth_token ~/.ray/*; ls /root /home {tmp_path}; "
        f"cat {Path.home()}/.netrc; ls -laR /tmp /run /var /mnt /opt",
    )
    assert "sk-ant" not in said.result.text
    assert "ANTHROPIC" not in said.result.text


@boxed_only
def test_the_network_is_out_of_reach(boxed: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        said = boxed.use(
            "Bash", command=f"exec 3<>/dev/tcp/127.0.0.1/{port} && echo reached; ls /sys/class/net; id -un"
        )
    assert "reached" not in said.result.text


@boxed_only
def test_no_other_desk_is_in_reach(boxed: Desk) -> None:
    other = boxed.folder / "seats" / "other"
    other.mkdir()
    (other / "mine").write_text("theirs")
    assert "theirs" not in boxed.use("Bash", command=f"cat {other}/mine; ls -laR /tmp").result.text
    boxed.use("Bash", command=f"kill -9 -1; echo x > {other}/mine; echo x > {boxed.tree.base}/eval.py")
    assert (other / "mine").read_text() == "theirs"
    assert boxed.worktree.text("eval.py") == "FROZEN\n"


def test_where_there_is_no_sandbox_nothing_runs(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.tools._shell = Shell(str(desk.folder), level="none", why="bubblewrap (bwrap) is not installed on the node")
    said = desk.fails("Bash", command="touch ran")
    assert (
        said
        == "commands cannot run here: this machine gives no sandbox (bubblewrap (bwrap) is not installed on the node)"
    )
    assert not (desk.top / "ran").exists()
    assert desk.says("Read", file_path="train.py")


@pytest.mark.parametrize("command", ["x" * 200_000, "echo a\0b"])
def test_commands_that_cannot_be_run_are_faults(desk: Desk, command: str) -> None:
    assert "a command has at most" in desk.fails("Bash", command=command)


def test_an_abandoned_command_is_ended(desk: Desk) -> None:
    mark = f"4000.{os.getpid()}"
    desk.says("Bash", command="true")
    threading.Timer(0.5, desk.stopped.set).start()
    with pytest.raises(Abandoned):
        desk.use("Bash", command=f"sleep {mark}")
    assert processes_with(mark) == []


def test_commands_wait_for_their_turn(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their limit does not run meanwhile, and who is abandoned meanwhile is let go."""
    for _ in range(desk_shell.AT_ONCE):
        desk.shell._slots.acquire()
    results: list[str] = []
    waiting = threading.Thread(target=lambda: results.append(desk.says("Bash", command="echo ran", timeout=5000)))
    waiting.start()
    time.sleep(0.3)
    assert results == []
    desk.shell._slots.release()
    waiting.join(30)
    assert results == ["ran"]
    desk.shell._slots.acquire()
    desk.stopped.set()
    with pytest.raises(Abandoned):
        desk.use("Bash", command="echo never")


def test_a_zygote_that_was_killed_is_replaced(desk: Desk) -> None:
    desk.says("Bash", command="true")
    first = desk.shell.start()
    pid = next(
        pid for pid in processes_with(str(desk.folder)) if b"zygote" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    os.kill(pid, 9)
    eventually(lambda: first.gone)
    assert desk.says("Bash", command="echo again") == "again"
    assert desk.shell.start() is not first


def test_closing_removes_what_was_made(desk: Desk) -> None:
    desk.says("Bash", command="true")
    desk.close()
    assert not desk.folder.exists()
    with pytest.raises(Abandoned):
        desk.use("Bash", command="true")


def test_bash_is_here() -> None:
    assert shutil.which("bash")
    assert shutil.which("nice")
