"""The sandbox itself: hostile programs inside, ordinary numeric programs inside, and a probe that does not flatter."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import platform
import shutil
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from orgruntime.backends import bubblewrap, seccomp

needs_bwrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


def inside(
    folder: Path, code: str, *, filtered: bool = True, network: bool = False
) -> subprocess.CompletedProcess[str]:
    work = folder / "work"
    work.mkdir(exist_ok=True)
    box = bubblewrap.words(str(folder))
    box = bubblewrap.with_network(box, str(folder)) if network else box
    argv = [word.replace("{work}", str(work)) for word in box] + bubblewrap.tail_words(())
    path = bubblewrap.filter_file(str(folder))
    fds = [os.open(path, os.O_RDONLY)] if filtered and path else []
    argv += ["--seccomp", str(fds[0])] if fds else []
    try:
        return subprocess.run(
            [*argv, "--", sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, pass_fds=fds,
            timeout=120, check=False, env={"PATH": "/usr/bin:/bin", "HOME": "/tmp"},
        )  # fmt: skip
    finally:
        for fd in fds:
            os.close(fd)


@needs_bwrap
def test_the_probe_says_strict_here_or_why_not(tmp_path: Path) -> None:
    level, why = bubblewrap.probe(str(tmp_path))
    if level != "strict":
        pytest.skip(f"this machine gives no sandbox: {why}")
    assert why == ""
    assert not [name for name in os.listdir(tmp_path) if name.startswith("tmp")]


@needs_bwrap
@pytest.mark.parametrize(
    ("flaw", "words"),
    [
        (lambda words: [*words, "--share-net"], "the network"),
        (lambda words: [*words, "--ro-bind", "/tmp", "/tmp"], "a file outside"),
        (lambda words: [*words, "--no-such-option"], "no-such-option"),
    ],
)
def test_the_probe_sees_a_sandbox_that_leaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flaw: object, words: str
) -> None:
    whole = bubblewrap.words
    monkeypatch.setattr(bubblewrap, "words", lambda folder: flaw(whole(folder)))  # type: ignore[operator]  # a lambda
    level, why = bubblewrap.probe(str(tmp_path))
    assert level == "none"
    assert words in why


@needs_bwrap
def test_a_granted_network_is_the_nodes_and_nothing_else_is_opened(tmp_path: Path) -> None:
    with socket.create_server(("", 0)) as listener:
        code = f"""
            import os, socket
            own = socket.gethostbyname(socket.gethostname())
            socket.create_connection((own, {listener.getsockname()[1]}), 5)
            print(socket.gethostname(), os.path.exists({str(tmp_path)!r}), os.access("/usr", os.W_OK))
        """
        done = inside(tmp_path, code, network=True)
        assert done.stdout.split() == ["trial", "False", "False"], done.stderr
        listener.accept()[0].close()
        assert "Error" in inside(tmp_path, code).stderr, "without the grant nobody is there"


@needs_bwrap
def test_the_gpus_inside_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bubblewrap.devices_fault(str(tmp_path), ["0", "1"]) == "", "a node without such files cannot tell"
    devices = tmp_path / "dev"
    devices.mkdir()
    for name in ("nvidia0", "nvidia1", "nvidia10", "nvidiactl"):
        (devices / name).touch()
    monkeypatch.setattr(bubblewrap, "DEVICES", str(devices))
    assert bubblewrap.devices_fault(str(tmp_path), ["0", "2"]) == ""
    assert bubblewrap.devices_fault(str(tmp_path), ["GPU-1f2e"]) == ""
    fault = bubblewrap.devices_fault(str(tmp_path), ["1", "3"])
    assert fault == "Ray assigned GPU 1, 3, and inside the sandbox there are nvidia0, nvidia1, nvidia10"


def test_without_bubblewrap_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bubblewrap.probe(str(tmp_path)) == ("none", "bubblewrap (bwrap) is not installed on the node")


CALLS = """
import ctypes, errno, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def said(call):
    ctypes.set_errno(0)
    try:
        result = call()
    except OSError as error:
        return errno.errorcode[error.errno]
    return errno.errorcode[ctypes.get_errno()] if result == -1 else "done"
print(said(lambda: libc.unshare(0x10000000)), said(lambda: libc.ptrace(16, 1, 0, 0)),
      said(lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)), said(lambda: socket.socket(40, 1)),
      said(lambda: socket.socket(38, 5)), said(lambda: libc.syscall(425, 1, 0)), said(lambda: libc.ioctl(0, 0x5412, 0)))
"""


@needs_bwrap
@pytest.mark.skipif(seccomp.program() is None, reason="no filter for this architecture")
def test_system_calls_that_no_trial_needs_are_refused(tmp_path: Path) -> None:
    done = inside(tmp_path, CALLS)
    assert done.stdout.split() == ["EPERM", "EPERM", "EPERM", "EAFNOSUPPORT", "EAFNOSUPPORT", "ENOSYS", "EPERM"]


@needs_bwrap
@pytest.mark.skipif(platform.machine() != "x86_64", reason="x32 is of x86-64")
def test_a_call_by_another_number_ends_the_process(tmp_path: Path) -> None:
    done = inside(tmp_path, "import ctypes; ctypes.CDLL(None).syscall(0x40000000 + 39)")
    assert done.returncode == 128 + 31


@needs_bwrap
def test_ordinary_programs_run(tmp_path: Path) -> None:
    ordinary = """
        import getpass, multiprocessing, multiprocessing.shared_memory, os, socket, subprocess, sys, tempfile, threading
        import numpy
        def square(x):
            return x * x
        if __name__ == "__main__":
            with multiprocessing.get_context("fork").Pool(2) as pool:
                print(pool.map(square, [1, 2]))
            thread = threading.Thread(target=print, args=("thread",)); thread.start(); thread.join()
            print(subprocess.check_output([sys.executable, "-c", "print('child')"], text=True).strip())
            memory = multiprocessing.shared_memory.SharedMemory(create=True, size=32 << 20)
            memory.close(); memory.unlink()
            with socket.create_server(("localhost", 0)) as server:
                socket.create_connection(server.getsockname()).close()
            tempfile.TemporaryFile().close()
            total = numpy.ones((300, 300)).dot(numpy.ones(300)).sum()
            print(getpass.getuser(), float(total), len(socket.if_nameindex()))
    """
    done = inside(tmp_path, ordinary)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["[1, 4]", "thread", "child", "trial 90000.0 1"]


def test_the_numbers_are_those_of_the_kernel() -> None:
    """Against libseccomp's own tables, where it is there."""
    name = ctypes.util.find_library("seccomp")
    if name is None:
        pytest.skip("libseccomp is not installed")
    resolve = ctypes.CDLL(name).seccomp_syscall_resolve_name_arch
    resolve.argtypes = [ctypes.c_uint32, ctypes.c_char_p]
    socket, pair = seccomp.SOCKETS
    others = {"clone": seccomp.CLONE, "ioctl": seccomp.IOCTL, "socket": socket, "socketpair": pair}
    for call, numbers in {**seccomp.REFUSED, **seccomp.ABSENT, **others}.items():
        for architecture, number in zip(seccomp.ARCHITECTURES.values(), numbers, strict=True):
            found = resolve(architecture, call.encode())
            assert found == number or (number is None and found < 0), call


def test_other_architectures_have_no_filter() -> None:
    assert seccomp.program("riscv64") is None
    for machine in seccomp.ARCHITECTURES:
        filters = seccomp.program(machine)
        assert filters is not None
        assert len(filters) % 8 == 0
