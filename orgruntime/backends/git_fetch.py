"""One version of a remote repository, fetched with the git program into a bare directory of our own.

The user's own git configuration holds (proxies, credentials, host aliases); nothing of the remote is run: no hooks, no
filters, no submodules, no check-out. Knows addresses that were parsed before, nothing of orgs.

Invariant: git may talk over the schemes of `PROTOCOLS` only, asks no questions, and ends within `LONGEST_S`.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
from pathlib import Path

from orgruntime.backends.org_source import OrgSourceError, RepositoryAt, bare_repository

PROTOCOLS = "https:ssh:git"
LONGEST_S = 600
LARGEST_PACK = 512 * 1024 * 1024
"""Bytes of one file that git may write: a remote that sends without end is cut off."""

_LOCAL = "refs/orgrun/fetched"
_SETTINGS = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "gc.auto=0", "maintenance.auto=false",
             "fetch.recurseSubmodules=false", "protocol.file.allow=never", "protocol.ext.allow=never")  # fmt: skip
_REPOSITORY_VARIABLES = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_CONFIG",
)  # fmt: skip
"""They name another repository: set where this runs inside one of git's hooks."""
_FULL = re.compile(r"[0-9a-f]{40}")
_SHORTENED = re.compile(r"[0-9a-f]{4,39}")


def fetch(url: str, ref: str | None, into: Path) -> RepositoryAt:
    """The newest commit of `ref` (a branch, a tag or a full commit; None: the remote's HEAD). Raises OrgSourceError."""
    if ref is not None and any(sign in ref for sign in "~^"):
        raise OrgSourceError(f"{url}@{ref}: over a network a version is a branch, a tag or a full commit")
    if shutil.which("git") is None:
        raise OrgSourceError(f"{url}: the git program is not there, and repositories are fetched with it; install git")
    _git(["init", "--quiet", "--bare", "--template=", str(into)], url, ref)
    wanted = f"+{ref or 'HEAD'}:{_LOCAL}"
    _git(
        ["-C", str(into), "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules",
         "--no-write-fetch-head", "--", url, wanted], url, ref,
    )  # fmt: skip
    commit = _git(["-C", str(into), "rev-parse", "--verify", "--quiet", f"{_LOCAL}^{{commit}}"], url, ref)
    return bare_repository(into, commit.strip(), url)


def _git(words: list[str], url: str, ref: str | None) -> str:
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    process = subprocess.Popen(
        ["git", *settings, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=_environment(), start_new_session=True, preexec_fn=_limit_files, text=True, errors="replace",
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=LONGEST_S)
    except BaseException as error:
        # Its helpers (ssh, remote-https) are in the same session and would go on without it.
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise OrgSourceError(f"{url} did not answer within {LONGEST_S // 60} minutes; try again later") from error
        raise
    if process.returncode:
        raise OrgSourceError(_sentence(url, ref, err))
    return out


def _environment() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _REPOSITORY_VARIABLES and not name.startswith("GIT_TRACE")
    }
    asked = {"GIT_ALLOW_PROTOCOL": PROTOCOLS, "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
    return {"GIT_SSH_COMMAND": "ssh -oBatchMode=yes", **kept, **asked}


def _limit_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_PACK, LARGEST_PACK))


def _sentence(url: str, ref: str | None, err: str) -> str:
    """What git said last, without what the remote made it say."""
    lines = [line for line in err.splitlines() if line.startswith(("fatal:", "error:", "ssh:"))]
    said = (lines[0] if lines else "git failed").removeprefix("fatal: ").removeprefix("error: ")[:200]
    if "couldn't find remote ref" in said or "not our ref" in err:
        hint = ""
        if ref and _SHORTENED.fullmatch(ref) and not _FULL.fullmatch(ref):
            hint = "; a commit is given with all its 40 digits"
        return f"{url} has no branch, tag or commit `{ref or 'HEAD'}`{hint}"
    remedy = "check the address, and that `git ls-remote` reaches it"
    if "/tree/" in url or "/blob/" in url:
        remedy = "a folder of a repository is written REPOSITORY//FOLDER@BRANCH"
    return f"{url} cannot be fetched ({said}); {remedy}"
