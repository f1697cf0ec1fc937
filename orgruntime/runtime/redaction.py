"""Text that came from outside, made fit to keep and to show: without keys, control characters and endless tails.

Works on strings. Does not know who wrote them; everything here is data. Invariant: what `quoted` returns cannot be left
by anything inside it, because every line of it begins with the same mark.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orgruntime.runtime.readings import plain

REDACTED = "[redacted]"
MARK = "| "
_KEYS = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]{0,20000}?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)"
    r"|\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,400}"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,255}|\bgithub_pat_[A-Za-z0-9_]{20,255}"
    r"|\bglpat-[A-Za-z0-9_-]{16,255}|\bxox[abeprs]-[A-Za-z0-9-]{10,255}|\bhf_[A-Za-z0-9]{20,255}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{30,100}"
    r"|\beyJ[A-Za-z0-9_-]{10,2000}\.[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,1000}"
    r"|(?<=[Bb]earer )[A-Za-z0-9._~+/=-]{16,2000}"
    r"|(?<=[Xx]-[Aa]pi-[Kk]ey: )\S{8,400}"
)
"""Shapes of keys that services hand out. Bounded, so that no text makes the search slow."""


def redacted(text: str, known: str = "") -> str:
    """With everything that has the shape of a key taken out, but for what stands in `known` as well."""
    return _KEYS.sub(lambda found: found[0] if found[0] in known else REDACTED, text)


def without_keys(value: Any) -> Any:
    """A JSON value whose texts are `redacted`, and otherwise as they were: code may hold any character."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {redacted(str(name)): without_keys(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_keys(item) for item in value]
    return value


def clean(text: str) -> str:
    """Without keys, control characters and text that is no Unicode. Newlines and tabs stay."""
    return redacted(plain(text.encode("utf-8", "replace").decode()))


def clipped(text: str, most: int) -> str:
    """At most about `most` characters: the beginning and the end, with a word on what is missing."""
    if len(text) <= most:
        return text
    head = most * 2 // 3
    tail = most - head
    return f"{text[:head]}\n[... {len(text) - most} characters left out ...]\n{text[len(text) - tail :]}"


def quoted(text: str, most: int = 4000) -> str:
    """Somebody else's words, each line marked, so that nothing inside can pass for what stands outside."""
    lines = clipped(clean(text), most).split("\n")
    return "\n".join(f"{MARK}{line}".rstrip() for line in lines)


def one_line(text: str, most: int = 200) -> str:
    """Somebody else's words within a sentence of ours: one line, in the form of a quotation that it cannot close."""
    words = " ".join(clean(text).replace("«", "<").replace("»", ">").split())
    return f"«{words if len(words) <= most else words[: most - 1] + '…'}»"
