"""Regular expressions that are compiled when they are first used. Knows nothing of what they find.

Compiling one costs as much as defining a class, and most of the patterns of a compiler wait for a fault that is not
there. Invariant: what `pattern` gives does what `re.compile` would have given.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


def pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """`re.compile(text, flags)`, put off until something is asked of it."""
    return cast("re.Pattern[AnyStr]", _Waiting(text, flags))


class _Waiting:
    def __init__(self, text: Any, flags: int) -> None:
        self._text, self._flags = text, flags

    def __getattr__(self, name: str) -> Any:
        """Each method is looked up once: it stays here as an attribute."""
        found = getattr(re.compile(self._text, self._flags), name)
        setattr(self, name, found)
        return found
