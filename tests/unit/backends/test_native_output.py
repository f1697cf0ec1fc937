"""Ray speaks into a file, the command to its reader: in a real process, with real pipes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import os, subprocess, sys
from pathlib import Path
from orgruntime.backends.native_output import native_output_to
from orgruntime.cli.own_stream import own_stream
print("before")
with own_stream(sys.stdout) as out, native_output_to(Path(sys.argv[1])):
    os.write(1, b"native out\\n")
    os.write(2, b"native err\\n")
    subprocess.run(["sh", "-c", "echo a child"], check=True)
    print("a thread of Ray")
    print("ours", file=out)
os.write(1, b"after\\n")
print("end")
"""

CLOSED = """
import os, sys
from pathlib import Path
from orgruntime.backends.native_output import native_output_to
os.close(1)
with native_output_to(Path(sys.argv[1])):
    os.write(2, b"native err\\n")
"""

UNREAD = """
import os, sys
from pathlib import Path
from orgruntime.backends.native_output import native_output_to
from orgruntime.cli.own_stream import own_stream
try:
    with own_stream(sys.stdout) as out, native_output_to(Path(sys.argv[1])):
        sys.stdin.read()
        print("nobody reads this", file=out)
except BrokenPipeError:
    sys.exit(7)
"""


def run(code: str, log: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, str(log)], capture_output=True, text=True, timeout=120)


def test_only_the_command_speaks_to_the_reader(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "ray.log"
    done = run(CODE, log)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["before", "ours", "after", "end"]
    assert done.stderr == ""
    assert sorted(log.read_text().splitlines()) == ["a child", "a thread of Ray", "native err", "native out"]


def test_a_second_driver_adds_to_the_file(tmp_path: Path) -> None:
    for _ in range(2):
        run(CODE, tmp_path / "ray.log")
    assert (tmp_path / "ray.log").read_text().count("native out") == 2


def test_a_stream_that_is_closed_stays_so(tmp_path: Path) -> None:
    done = run(CLOSED, tmp_path / "ray.log")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "ray.log").read_text() == "native err\n"


def test_that_a_reader_has_left_is_heard_once(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", UNREAD, str(tmp_path / "ray.log")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.close()
        assert process.stdin is not None
        process.stdin.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(60) == 7
