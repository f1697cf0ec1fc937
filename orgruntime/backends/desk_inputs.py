"""What a model gave to a tool, read field by field. Standard library only.

Works on one input object; does not know tools. Invariant: whatever a model sends, a field is of its type, or a Fault
with a sentence that says what it should have been.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orgruntime.backends.desk_paths import Fault, shortened


class Fields:
    """Reads like a weak model writes: a number may come as text, an absent field as null."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def text(self, *names: str, default: str | None = None) -> str:
        """The first of `names` that is there. Required without a default."""
        for name in names:
            value = self._given.get(name)
            if value is None:
                continue
            if not isinstance(value, str):
                raise Fault(f"`{name}` must be a text, and is {_shown(value)}", malformed=True)
            if not _is_unicode(value):
                raise Fault(f"`{name}` is no Unicode text", malformed=True)
            return value
        if default is None:
            given = ", ".join(f"`{shortened(str(name), 40)}`" for name in list(self._given)[:10]) or "nothing"
            raise Fault(f"`{names[0]}` is missing; given was {given}", malformed=True)
        return default

    def whole(self, name: str, default: int, least: int = 0) -> int:
        value = self._given.get(name)
        if value is None:
            return default
        if isinstance(value, str) and value.strip().isdecimal() and len(value) < 16:
            value = int(value)
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise Fault(f"`{name}` must be a whole number from {least}, and is {_shown(value)}", malformed=True)
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self._given.get(name)
        if value is None:
            return default
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if not isinstance(value, bool):
            raise Fault(f"`{name}` must be true or false, and is {_shown(value)}", malformed=True)
        return value


def _shown(value: Any) -> str:
    return shortened(repr(value), 60)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
