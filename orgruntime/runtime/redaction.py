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
_BEGIN = r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"
_END = r"-----END [A-Z ]{0,30}PRIVATE KEY-----"
_KEYS = {
    literal: re.compile(shape)
    for literal, shape in (
        ("-----BEGIN ", rf"{_BEGIN}(?:[\s\S]{{0,20000}}?{_END}|[\s\S]{{0,20000}})"),
        ("earer ", r"(?<=[Bb]earer )[A-Za-z0-9._~+/=-]{16,2000}"),
        ("ey: ", r"(?<=[Xx]-[Aa]pi-[Kk]ey: )[^\s'\"]{8,400}"),
        ("sk-", r"sk-(?<!\wsk-)[A-Za-z0-9_-]{16,400}"),
        ("pk-", r"pk-(?<!\wpk-)[A-Za-z0-9_-]{16,400}"),
        ("rk-", r"rk-(?<!\wrk-)[A-Za-z0-9_-]{16,400}"),
        ("gh", r"gh(?<!\wgh)[pousr]_[A-Za-z0-9]{20,255}"),
        ("github_pat_", r"github_pat_(?<!\wgithub_pat_)[A-Za-z0-9_]{20,255}"),
        ("glpat-", r"glpat-(?<!\wglpat-)[A-Za-z0-9_-]{16,255}"),
        ("xox", r"xox(?<!\wxox)[abeprs]-[A-Za-z0-9-]{10,255}"),
        ("hf_", r"hf_(?<!\whf_)[A-Za-z0-9]{20,255}"),
        ("AKIA", r"AKIA(?<!\wAKIA)[A-Z0-9]{16}\b"),
        ("ASIA", r"ASIA(?<!\wASIA)[A-Z0-9]{16}\b"),
        ("AIza", r"AIza(?<!\wAIza)[A-Za-z0-9_-]{30,100}"),
        ("eyJ", r"eyJ(?<!\weyJ)[A-Za-z0-9_-]{10,2000}\.[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,1000}"),
    )
}
"""Shapes of keys that services hand out, by words without which there is none: most texts hold no such word, and are
not searched any further. Bounded, so that no text makes the search slow."""


def redacted(text: str, known: str = "") -> str:
    """With everything that has the shape of a key taken out, but for what stands in `known` as well."""
    for literal, shape in _KEYS.items():
        if literal in text:
            text = shape.sub(lambda found: found[0] if found[0] in known else REDACTED, text)
    return text


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
