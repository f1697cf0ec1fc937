"""The base of every noun, and its canonical bytes.

Invariant: a noun is frozen and refuses unknown fields, so a document that was written by a
newer version is an error that names the field, never a silent loss.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict


class Noun(BaseModel):
    """A frozen value. `model_dump(mode="json")` is its persisted form."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False, check_circular=False
)


def canonical_json(value: Any) -> str:
    """One spelling a value: sorted keys, no spaces, no NaN. Raises ValueError for NaN or infinity."""
    return _CANONICAL.encode(value)


def digest(value: Any) -> str:
    """sha256 (64 hexadecimal digits) of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
