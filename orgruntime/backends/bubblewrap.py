"""The words of the sandbox, and the proof that it holds on this node. Standard library only.

Works on paths of this node; does not know trials. What bubblewrap gives: own user, process, network, mount, IPC and
host name spaces; a read-only system; a writable fresh tree; no capabilities; no way to make further user namespaces.
What it does not give: a memory limit (the shepherd watches), protection of a GPU's driver from the code that uses the
GPU. Invariant: `probe` returns `strict` only after code inside has tried, and failed, to reach a listener, a secret
file and a frozen file of this very node.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence

from orgruntime.backends import seccomp

WORKSPACE = "/workspace"
HOST, ETC = "trial", "etc"
DEVICES = "/dev"
_DEVICE_FILE = r"nvidia\d+"
TEMPORARY_MB = 512
"""Size of /tmp and of /dev/shm; both live in memory."""


def words(folder: str, temporary_mb: int = TEMPORARY_MB) -> list[str]:
    """bwrap and its options up to the trial's own mounts; `{work}` stands for the trial's tree. `folder` takes the few
    files of /etc that programs ask for."""
    size = str(temporary_mb << 20)
    return [
        shutil.which("bwrap") or "bwrap",
        # For root, --unshare-all alone makes no user namespace.
        "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--cap-drop", "ALL",
        *_system(), *_etc(folder),
        "--proc", "/proc", "--dev", "/dev",
        "--size", size, "--perms", "1777", "--tmpfs", "/tmp", "--size", size, "--perms", "1777", "--tmpfs", "/dev/shm",
        *_python(),
        "--bind", "{work}", WORKSPACE,
    ]  # fmt: skip


def with_network(box: Sequence[str], folder: str) -> list[str]:
    """The words of a sandbox that leaves a trial the network of its node: its interfaces, its ports, its names. What
    else listens there can be reached as well."""
    place = os.path.join(folder, "etc-of-the-network")
    if not os.path.isdir(place):
        shutil.copytree(os.path.join(folder, ETC), place, symlinks=True)
        _write_into(place, {"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n"})
        for name in ("hosts", "resolv.conf"):
            _copy_of_etc(name, place)
        # A rank that looks up its own name must find the address at which the others see it.
        with open(os.path.join(place, "hosts"), "a") as file:
            file.write(f"{_own_address()} {HOST}\n")
    outer = os.path.join(folder, ETC)
    return [box[0], "--unshare-all", "--share-net", *(place if word == outer else word for word in box[2:])]


def tail_words(gpus: Sequence[str]) -> list[str]:
    """The options after the tree's mounts: the devices of the assigned GPUs, and nothing else of them."""
    return [*_devices(gpus), "--remount-ro", "/", "--chdir", WORKSPACE, "--hostname", HOST]


def devices_fault(folder: str, gpus: Sequence[str]) -> str:
    """Why the GPUs of a lease are not those that its trials would see, by their device files, counted inside. Empty:
    they are as many, or nobody can tell: no such files on the node, as with simulated GPUs, or ids that are no indices.
    """
    if not gpus or not _device_files() or not all(gpu.isdigit() for gpu in gpus):
        return ""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        argv = [word.replace("{work}", place) for word in words(folder)] + tail_words(gpus)
        done = subprocess.run(
            [*argv, "--", "/bin/ls", "/dev"],
            capture_output=True, text=True, timeout=60, env={"PATH": "/usr/bin:/bin"}, check=False,
        )  # fmt: skip
    inside = [name for name in done.stdout.split() if re.fullmatch(_DEVICE_FILE, name)]
    if done.returncode == 0 and len(inside) == len(gpus):
        return ""
    found = f"inside the sandbox there are {', '.join(inside) or 'none'}"
    return f"Ray assigned GPU {', '.join(gpus)}, and {found}{' '.join(['', done.stderr.strip()[:200]]).rstrip()}"


def filter_file(folder: str) -> str | None:
    """The compiled filter of system calls, written to `folder`; None where there is none for this architecture. bwrap
    reads it to the end, so each start opens it anew."""
    filters = seccomp.program()
    if filters is None:
        return None
    path = os.path.join(folder, "filter.bpf")
    with open(path, "wb") as file:
        file.write(filters)
    return path


def probe(folder: str) -> tuple[str, str]:
    """(`strict` or `none`, why). Runs one hostile Python inside; about 0.1 s."""
    if shutil.which("bwrap") is None:
        return "none", "bubblewrap (bwrap) is not installed on the node"
    with tempfile.TemporaryDirectory(dir=folder) as place, socket.create_server(("127.0.0.1", 0)) as listener:
        os.makedirs(f"{place}/work")
        for name in ("secret", "frozen"):
            with open(f"{place}/{name}", "w") as file:
                file.write(name)
        hostile = _HOSTILE.format(port=listener.getsockname()[1], secret=f"{place}/secret")
        argv = [word.replace("{work}", f"{place}/work") for word in words(folder)]
        argv += ["--ro-bind", f"{place}/frozen", f"{WORKSPACE}/frozen", *tail_words(())]
        filters = filter_file(place)
        fds = [os.open(filters, os.O_RDONLY)] if filters else []
        argv += ["--seccomp", str(fds[0])] if fds else []
        try:
            done = subprocess.run(
                [*argv, "--", sys.executable, "-c", hostile],
                capture_output=True, text=True, timeout=60, env={"PATH": "/usr/bin:/bin"}, pass_fds=fds, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return "none", f"bubblewrap did not start: {error}"
        finally:
            for fd in fds:
                os.close(fd)
        if done.returncode == 0 and done.stdout.strip() == "held":
            return "strict", "" if fds else "no filter of system calls on this architecture"
        return "none", (done.stdout.strip() or done.stderr.strip() or f"exit code {done.returncode}")[:300]


_HOSTILE = """
import os, socket
def tries(what, *args):
    try:
        what(*args)
    except OSError:
        return False
    return True
reached = [name for name, done in (
    ("the network", tries(socket.create_connection, ("127.0.0.1", {port}), 2)),
    ("a file outside", tries(open, {secret!r})),
    ("a frozen file", tries(open, "frozen", "w")),
    ("the place of a frozen file", tries(os.rename, "frozen", "gone")),
    ("the system", tries(open, "/usr/mark", "w")),
) if done]
open("own", "w").close()
print("the sandbox let code reach " + " and ".join(reached) if reached else "held")
"""


def _system() -> list[str]:
    found = ["--ro-bind", "/usr", "/usr"]
    for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64"):
        if os.path.islink(name):
            found += ["--symlink", os.readlink(name), name]
        elif os.path.isdir(name):
            found += ["--ro-bind", name, name]
    return [*found, *(("--ro-bind", "/nix/store", "/nix/store") if os.path.isdir("/nix/store") else ())]


def _etc(folder: str) -> list[str]:
    """Enough for getpwuid, getaddrinfo("localhost"), the loader, the clock and certificates; nothing of the node's own
    accounts. One folder: bwrap reads the whole table of mounts for each mount, half a millisecond a trial."""
    user, group = os.getuid(), os.getgid()
    files = {
        "passwd": f"trial:x:{user}:{group}:trial:/tmp:/bin/sh\n",
        "group": f"trial:x:{group}:\n",
        "hosts": f"127.0.0.1 localhost {HOST}\n::1 localhost\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    }
    place = os.path.join(folder, ETC)
    if not os.path.isdir(place):
        os.makedirs(place)
        _write_into(place, files)
        for name in _COPIED:
            _copy_of_etc(name, place)
    return ["--ro-bind", place, "/etc"]


def _write_into(place: str, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        with open(os.path.join(place, name), "w") as file:
            file.write(text)


def _own_address() -> str:
    """Of this node, as others reach it: that of the interface by which a packet would leave. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))
        address: str = probe.getsockname()[0]
        return address
    return "127.0.0.1"


_COPIED = ("ld.so.cache", "localtime", "alternatives", "ssl/certs")


def _copy_of_etc(name: str, place: str) -> None:
    source, target = os.path.join("/etc", name), os.path.join(place, name)
    with contextlib.suppress(OSError, shutil.Error):  # What a node lacks or hides, its trials lack.
        if os.path.isdir(source):
            shutil.copytree(source, target, symlinks=True)
        else:
            shutil.copyfile(source, target)


def _python() -> list[str]:
    """The interpreter's own folders, wherever they are (a virtual environment in a home, a pyenv, …), and no more."""
    found: list[str] = []
    for prefix in dict.fromkeys(
        (sys.base_prefix, os.path.realpath(sys.base_prefix), sys.prefix, os.path.realpath(sys.prefix))
    ):
        if prefix != "/" and not prefix.startswith("/usr"):
            found += ["--ro-bind", prefix, prefix]
    return found


def _device_files() -> list[str]:
    """Of the node's NVIDIA GPUs, in the order of their numbers."""
    names = (name for name in os.listdir(DEVICES) if re.fullmatch(_DEVICE_FILE, name))
    return sorted(names, key=lambda name: int(name.removeprefix("nvidia")))


def _devices(gpus: Sequence[str]) -> list[str]:
    if not gpus:
        return []
    there = _device_files()
    mine = [there[int(gpu)] for gpu in gpus if gpu.isdigit() and int(gpu) < len(there)]
    # Ids that are no indices (MIG, UUID) cannot be told apart by device file: CUDA_VISIBLE_DEVICES alone separates
    # those.
    names = mine if len(mine) == len(gpus) else there
    shared = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset", "nvidia-caps", "kfd", "dri")
    # Without /sys the driver's initialisation fails, and most programs then fall back to the CPU in silence.
    return [word for name in (*names, *shared) for word in ("--dev-bind-try", f"{DEVICES}/{name}", f"/dev/{name}")] + [
        "--ro-bind-try", "/sys", "/sys",
    ]  # fmt: skip
