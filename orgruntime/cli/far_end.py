"""The entry point of a job: `python -m orgruntime.cli.far_end WHAT JSON`. Not a verb; people do not type it.

`verb` runs any verb of the command on this machine's runs; all else is the api's to answer. Invariant: nothing of what
it prints is out of a frame, and its last line is the end with the exit code.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

from orgruntime.api import far_end
from orgruntime.api.errors import UserError
from orgruntime.api.frames import Frame, Kind, written
from orgruntime.cli.main import main as orgrun
from orgruntime.cli.own_stream import own_stream


def main(words: list[str]) -> int:
    what, asked = words[0], json.loads(words[1])
    with own_stream(sys.stdout) as out:

        def say(frame: Frame) -> None:
            print(written(frame), file=out, flush=True)

        say(far_end.hello())
        code = _verb(asked, say) if what == "verb" else _answered(what, asked, say)
        say(Frame(Kind.END, code=code))
    return code


def _answered(what: str, asked: dict[str, Any], say: Callable[[Frame], None]) -> int:
    try:
        far_end.answer(what, asked, say)
    except UserError as error:
        say(Frame(Kind.FAULT, str(error), code=error.code))
        return error.code
    return 0


def _verb(asked: dict[str, Any], say: Callable[[Frame], None]) -> int:
    os.environ["ORGRUN_RUNS"] = str(far_end.runs_here(asked))
    out: TextIO = _Lines(lambda text: say(Frame(Kind.OUT, text)))
    err: TextIO = _Lines(lambda text: say(Frame(Kind.ERR, text)))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            orgrun(asked["words"])
        except SystemExit as left:
            return left.code if isinstance(left.code, int) else 0
        finally:
            out.close()
            err.close()
    return 0


class _Lines(io.StringIO):
    """A text stream that hands on whole lines, and what is left when it is closed."""

    def __init__(self, take: Callable[[str], None]) -> None:
        super().__init__()
        self._take, self._rest = take, ""

    def write(self, text: str, /) -> int:
        *whole, self._rest = (self._rest + text).split("\n")
        for line in whole:
            self._take(line)
        return len(text)

    def close(self) -> None:
        if self._rest:
            self._take(self._rest)
        self._rest = ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
