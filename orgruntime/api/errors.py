"""What a person can do about it: every error of this room is one sentence with place and remedy."""

from __future__ import annotations

MISUSE = 2
FINDINGS = 1


class UserError(Exception):
    """A mistake of the user or of the surroundings. `code`: 1 a finding or a failed run, 2 misuse."""

    def __init__(self, message: str, code: int = MISUSE) -> None:
        super().__init__(message)
        self.code = code
