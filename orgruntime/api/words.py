"""What a word of the command line is about. Imports nothing."""

from __future__ import annotations

import re

_OF_A_RUN = re.compile(r"decisions|d?\d+|[0-9a-f]{4,32}(\.\d+)?|p?[qst]\d[\w.+]*", re.IGNORECASE)


def is_of_a_run(word: str) -> bool:
    """Whether it names a decision, a trial, a proposal or an inquiry, and no rule."""
    return _OF_A_RUN.fullmatch(word) is not None
