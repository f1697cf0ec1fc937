"""The sandbox's filter of system calls, as a classic BPF program. Standard library only; no libseccomp.

Works on numbers of x86-64 and aarch64; does not know trials. It is a list of what must not be: name spaces and
mounts, other processes' memory, kernel keys and modules, io_uring, sockets other than Unix and Internet ones
(AF_VSOCK passes network name spaces), typing into a terminal. Everything else is allowed, so that numeric libraries
run as they do outside. Invariant: another architecture's calls end the process, so no rule is passed by calling
through it.
"""

from __future__ import annotations

import errno
import platform
import struct

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""AUDIT_ARCH_* of <linux/audit.h>."""
REFUSED = {
    # name: (x86-64, aarch64); None where the architecture has none
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "mount": (165, 40),
    "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "move_mount": (429, 429),
    "open_tree": (428, 428), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "setns": (308, 268), "unshare": (272, 97), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "acct": (163, 89), "swapon": (167, 224),
    "swapoff": (168, 225), "reboot": (169, 142), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "clock_adjtime": (305, 266), "adjtimex": (159, 171), "iopl": (172, None), "ioperm": (173, None),
    "quotactl": (179, 60), "vhangup": (153, 58), "syslog": (103, 116),
}  # fmt: skip
ABSENT = {
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "clone3": (435, 435),
}
"""Said not to exist, so that callers fall back; the flags of clone3 lie in memory, where no filter can see them."""
CLONE = (56, 220)
IOCTL = (16, 29)
SOCKETS = ((41, 198), (53, 199))
NAMESPACES = 0x7E020000
"""CLONE_NEW* bits, but CLONE_NEWTIME, which clone cannot ask for."""
FAMILIES = (1, 2, 10, 16)
"""Unix, IPv4, IPv6, and netlink, by which libraries list the interfaces of their own, empty network."""
TERMINAL = (0x5412, 0x541C)
"""TIOCSTI, TIOCLINUX."""

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16


def program(machine: str | None = None) -> bytes | None:
    """The filter for this machine, in the form that bwrap's `--seccomp` reads; None for an architecture not listed."""
    machine = machine or platform.machine()
    if machine not in ARCHITECTURES:
        return None
    column = list(ARCHITECTURES).index(machine)
    code = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, ARCHITECTURES[machine]), (_RETURN, 0, 0, _KILL)]
    code.append((_LOAD, 0, 0, _NUMBER))
    if machine == "x86_64":
        # The x32 calls are the same functions under other numbers.
        code += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _KILL)]
    for table, error in ((REFUSED, errno.EPERM), (ABSENT, errno.ENOSYS)):
        for numbers in table.values():
            number = numbers[column]
            if number is not None:
                code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | error)]
    code += _on_argument(CLONE[column], 0, [(_ANY_BIT, 0, 1, NAMESPACES), (_RETURN, 0, 0, _ERRNO | errno.EPERM)])
    typed = [step for request in TERMINAL for step in ((_EQUAL, 0, 1, request), (_RETURN, 0, 0, _ERRNO | errno.EPERM))]
    code += _on_argument(IOCTL[column], 1, typed)
    known = [step for family in FAMILIES for step in ((_EQUAL, 0, 1, family), (_RETURN, 0, 0, _ALLOW))]
    for call in SOCKETS:
        code += _on_argument(call[column], 0, [*known, (_RETURN, 0, 0, _ERRNO | errno.EAFNOSUPPORT)])
    code.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *step) for step in code)


def _on_argument(number: int, argument: int, steps: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """`steps` over the low half of an argument, for one system call; then the number is loaded again."""
    body = [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument), *steps, (_LOAD, 0, 0, _NUMBER)]
    return [(_EQUAL, 0, len(body), number), *body]
