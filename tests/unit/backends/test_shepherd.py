"""Hostile trials against a real zygote: each yields one outcome, and nothing of it stays."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from shepherd_cases import (
    FILES,
    Node,
    commands,
    eventually,
    parent,
)

from orgruntime.backends.node_agent import end_below
from orgruntime.backends.spool import read_marks
from orgruntime.model.ids import AttemptId


def test_a_trial_runs_in_its_own_tree(node: Node) -> None:
    outcome = node.run(
        "import os, sys; print(sorted(os.listdir('.'))); print(open('src/judge.py').read()); sys.exit(3)"
    )
    assert (outcome["attempt"], outcome["ending"], outcome["exit_code"]) == ("k.1", "exited", 3)
    assert outcome["output"] == "['data', 'eval.py', 'src', 'train.py']\nFROZEN\n\n"
    assert outcome["isolation"] == node.level
    assert outcome["wall_s"] > 0


def test_what_it_used_is_measured(node: Node) -> None:
    outcome = node.run(
        "import time\nx = b'x' * 200_000_000\nend = time.process_time() + .5\nwhile time.process_time() < end: pass"
    )
    assert 0.45 < outcome["cpu_s"] < 5
    assert 190 < outcome["peak_memory_mb"] < 2000


def test_stdout_and_stderr_come_in_order_with_nothing_on_stdin(node: Node) -> None:
    outcome = node.run(["sh", "-c", "echo out; echo err >&2; cat; kill -SEGV $$"])
    assert outcome["output"] == "out\nerr\n"
    assert outcome["exit_code"] == 139


def test_a_hang_ends_at_its_limit(node: Node) -> None:
    outcome = node.run(["sh", "-c", "trap '' TERM; echo here; sleep 600"], limit_s=5.0)
    assert (outcome["ending"], outcome["exit_code"], outcome["output"]) == ("timeout", None, "here\n")
    assert 5.0 <= outcome["wall_s"] < 60
    assert node.left() == []


DAEMON = """
import os, time
for _ in range(2):
    if os.fork():
        os._exit(0)
    os.setsid()
time.sleep(600)
"""


def test_a_daemon_that_left_its_session_does_not_outlive_its_trial(node: Node) -> None:
    outcome = node.run(["sh", "-c", f"{sys.executable} -c '{DAEMON}' & sleep 0.5; echo over"])
    assert (outcome["ending"], outcome["output"]) == ("exited", "over\n")
    assert node.left() == []


def test_folders_without_bottom_are_removed(node: Node) -> None:
    """Deeper than a call can nest: they must not pass for a fault of the node."""
    outcome = node.run("import os\nfor _ in range(1500):\n    os.mkdir('d'); os.chdir('d')")
    assert (outcome["ending"], outcome["exit_code"]) == ("exited", 0)
    assert not any((node.root / "work").iterdir())
    assert node.run("print('next')")["output"] == "next\n"


def test_a_fork_bomb_is_ended(node: Node) -> None:
    bomb = """
        import os, time
        for _ in range(600):
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
        time.sleep(60)
    """
    assert node.run(bomb, processes=200)["ending"] == "too many processes"
    assert node.left() == []


def test_memory_of_the_whole_tree_is_limited(node: Node) -> None:
    greedy = """
        import os, time
        for _ in range(3):
            if os.fork() == 0:
                break
        x = os.urandom(1) * 150_000_000
        time.sleep(60)
    """
    outcome = node.run(greedy, memory_mb=400)
    assert outcome["ending"] == "out of memory"
    assert outcome["peak_memory_mb"] > 400
    assert node.left() == []


def test_shared_memory_counts_once(node: Node) -> None:
    shared = """
        import os, time
        x = os.urandom(1) * 150_000_000
        for _ in range(3):
            if os.fork() == 0:
                break
        time.sleep(1.5)
        os.wait() if os.getpid() == os.getpgid(0) else None
    """
    assert node.run(shared, memory_mb=400)["ending"] == "exited"


def test_a_flood_of_output_is_cut_in_the_middle(node: Node) -> None:
    flood = """
        import sys
        print("first")
        for _ in range(1000):
            sys.stdout.write("x" * 100_000)
        print("\\nlast")
    """
    outcome = node.run(flood)
    assert outcome["exit_code"] == 0
    assert outcome["output"].startswith("first\n")
    assert outcome["output"].endswith("\nlast\n")
    assert "bytes left out" in outcome["output"]
    assert len(outcome["output"]) < 70_000


def test_an_endless_flood_does_not_hold_off_the_limit(node: Node) -> None:
    assert node.run(["yes"], limit_s=1.0)["ending"] == "timeout"


@pytest.mark.parametrize("path", ["eval.py", "src/judge.py", "data/names.txt"])
def test_frozen_files_stay_as_they_are(node: Node, path: str) -> None:
    outcome = node.run(f"open({path!r}, 'w').write('MINE')")
    if node.level == "strict":
        assert outcome["ending"] == "exited"
        assert "Read-only file system" in outcome["output"]
    else:
        assert (outcome["ending"], outcome["detail"]) == ("tampered", path)
    assert (node.tree / path).read_text() == FILES[path]


def test_a_frozen_file_that_is_put_back_is_seen(node: Node) -> None:
    sly = """
        import os
        os.rename('src', 'aside')
        os.mkdir('src')
        open('src/judge.py', 'w').write('MINE')
        import shutil; shutil.rmtree('src'); os.rename('aside', 'src')
        old = os.stat('src/judge.py')
        open('src/judge.py', 'w').write('FROZEN\\n')
        os.utime('src/judge.py', ns=(old.st_atime_ns, old.st_mtime_ns))
    """
    outcome = node.run(sly)
    if node.level == "strict":
        assert "Device or resource busy" in outcome["output"]
    else:
        assert (outcome["ending"], outcome["detail"]) == ("tampered", "src/judge.py")


def test_editable_files_are_writable_and_fresh_each_time(node: Node) -> None:
    for _ in range(2):
        outcome = node.run("s = open('src/model.py', 'a'); print(s.tell()); s.write('x')\nopen('new', 'x').close()")
        assert (outcome["output"], outcome["exit_code"]) == ("0\n", 0)


def test_closed_folders_are_removed_too(node: Node) -> None:
    assert (
        node.run("import os; os.makedirs('a/b/c'); open('a/b/f', 'w'); os.chmod('a/b', 0); os.chmod('a', 0)")[
            "exit_code"
        ]
        == 0
    )
    assert not any((node.root / "work").iterdir())


def test_a_command_that_is_not_there_is_a_crash(node: Node) -> None:
    outcome = node.run(["no-such-program"])
    assert outcome["ending"] == "exited"
    assert outcome["exit_code"] not in (0, None)
    assert "no-such-program" in outcome["output"]


def test_cancel(node: Node) -> None:
    node.launch("k.1", "import time; time.sleep(600)")
    node.launch("k.2", "import time; time.sleep(0.5); print('on')")
    node.order(op="cancel", attempt="k.1")
    outcomes = {outcome["attempt"]: outcome for outcome in (node.outcome(), node.outcome())}
    assert outcomes["k.1"]["ending"] == "cancelled"
    assert (outcomes["k.2"]["ending"], outcomes["k.2"]["output"]) == ("exited", "on\n")


def test_outcomes_that_nobody_may_have_heard_are_left_in_the_spool(node: Node) -> None:
    outcome = node.run("print(1)")
    node.agent.kill()
    node.agent.wait()
    eventually(lambda: not node.root.exists())
    assert json.loads((node.spool / "k.1.json").read_text()) == outcome


def test_a_start_is_marked_in_the_spool(node: Node) -> None:
    """Without the zygote, this is all that tells how long the trial can have run."""
    began = time.time()
    node.run("print(1)")
    marks = read_marks(node.spool)
    assert set(marks) == {"k.1"}
    assert began - 1 < marks[AttemptId("k.1")] < time.time() + 1


def test_outcomes_that_were_heard_leave_nothing_in_the_spool(node: Node) -> None:
    node.run("print(1)")
    node.order(op="heard")
    assert node.zygote.stdin is not None
    node.zygote.stdin.close()
    eventually(lambda: not node.root.exists())
    assert list(node.spool.iterdir()) == []


@pytest.mark.parametrize("how", ["stdin ends", "the agent is killed"])
def test_without_an_agent_everything_ends_and_is_settled(node: Node, how: str) -> None:
    node.launch("k.1", ["sh", "-c", f"{sys.executable} -c '{DAEMON}' & sleep 600"])
    eventually(lambda: len(node.left()) >= 2)
    if how == "stdin ends":
        assert node.zygote.stdin is not None
        node.zygote.stdin.close()
    else:
        node.agent.kill()
        node.agent.wait()
    eventually(lambda: node.left() == [] and not node.root.exists())
    kept = json.loads((node.spool / "k.1.json").read_text())
    assert kept["ending"] == "infrastructure"
    assert 0 < kept["wall_s"] < 60


def test_without_a_zygote_a_shepherd_ends_its_trial(node: Node) -> None:
    node.launch("k.1", ["sh", "-c", f"{sys.executable} -c '{DAEMON}' & sleep 600"])
    eventually(lambda: len(node.left()) >= 2)
    os.kill(node.zygote_pid(), signal.SIGKILL)
    eventually(lambda: node.left() == [] and (node.spool / "k.1.json").exists())


def test_killed_together_zygote_and_shepherd_leave_their_trial_to_the_agent(node: Node) -> None:
    node.launch("k.1", "import time; time.sleep(600)")
    eventually(node.left)
    ours = [pid for pid, line in commands() if str(node.root).encode() in line]
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in ours:
            os.kill(pid, number)
    end_below(str(node.root / "work"))
    eventually(lambda: not node.left())


def test_a_sandbox_that_is_still_being_made_is_found_by_its_words(tmp_path: Path) -> None:
    work = tmp_path / "work"
    making = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", f"--bind {work}/k.1"], cwd="/")
    other = subprocess.Popen(["/bin/sleep", "600"], cwd="/")
    try:
        end_below(str(work))
        assert making.wait(20) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_killed_shepherd_is_an_infrastructure_failure_and_leaves_nothing(node: Node) -> None:
    node.launch("k.1", ["sh", "-c", f"{sys.executable} -c '{DAEMON}' & sleep 600"])
    eventually(lambda: len(node.left()) >= 2)
    zygote = node.zygote_pid()
    mine = next(pid for pid, _ in commands() if parent(pid) == zygote)
    os.kill(mine, signal.SIGKILL)
    assert node.outcome()["ending"] == "infrastructure"
    eventually(lambda: node.left() == [])
    node.launch("k.2", ["true"])
    assert node.outcome()["exit_code"] == 0


def test_nothing_is_reached_from_inside(node: Node, tmp_path: Path) -> None:
    if node.level != "strict":
        pytest.skip("without a sandbox everything is reached")
    (tmp_path / "secret").write_text("hunter2")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        probe = f"""
            import glob, os, socket
            def tries(what):
                try:
                    return what()
                except OSError as error:
                    return type(error).__name__
            print(tries(lambda: open({str(tmp_path / "secret")!r}).read()))
            print(tries(lambda: socket.create_connection(("127.0.0.1", {listener.getsockname()[1]}), 2)))
            print(tries(lambda: os.listdir({str(Path.home())!r} + "/.ssh")))
            print(glob.glob("/workspace/.git*"), len([p for p in os.listdir("/proc") if p.isdigit()]) < 5)
            print(tries(lambda: open("/usr/mark", "w")), tries(lambda: open("/etc/mark", "w")), os.getcwd())
            print(sorted(os.environ))
        """
        lines = node.run(probe)["output"].splitlines()
        listener.settimeout(0.2)
        with pytest.raises(TimeoutError):
            listener.accept()
    assert lines[:4] == ["FileNotFoundError", "ConnectionRefusedError", "FileNotFoundError", "[] True"]
    assert lines[4] == "OSError OSError /workspace"
    assert not {"HOME", "USER", "ANTHROPIC_API_KEY"} & set(json.loads(lines[5].replace("'", '"')))


def test_a_sandbox_that_cannot_be_made_is_not_the_trials_fault(tmp_path: Path) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    node = Node(tmp_path, "strict")
    try:
        outcome = node.run(["true"], tail=["--ro-bind", "/no/such/place", "/x"])
        assert outcome["ending"] == "infrastructure"
        assert "sandbox could not be made" in outcome["detail"]
    finally:
        node.close()


def test_many_at_once(open_node: Node) -> None:
    for number in range(60):
        open_node.launch(f"k.{number}", ["sh", "-c", f"exit {number}"])
    codes = {outcome["attempt"]: outcome["exit_code"] for outcome in (open_node.outcome() for _ in range(60))}
    assert codes == {f"k.{number}": number for number in range(60)}
