"""What is said of faults of bytes, front matter and YAML: one module a rule, each with its `CODE` and its words.

A reader finds a fault and knows its place; the rule knows what to say and how it is mended. Works on quoted values;
knows no file and no span. Invariant: a rule's module is loaded when its first fault is met, so that a clean file costs
nothing; `__all__` holds every module of this folder.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__all__ = [
    "bidi_control",
    "byte_order_mark",
    "carriage_returns",
    "doubtful_repair",
    "duplicate_key",
    "front_matter_too_big",
    "hidden_character",
    "invalid_yaml",
    "misplaced_front_matter",
    "not_utf8",
    "repaired_front_matter",
    "unreadable_file",
    "unterminated_front_matter",
    "yaml_feature",
]

if TYPE_CHECKING:
    from orgruntime.orgfile.reading_rules import (
        bidi_control,
        byte_order_mark,
        carriage_returns,
        doubtful_repair,
        duplicate_key,
        front_matter_too_big,
        hidden_character,
        invalid_yaml,
        misplaced_front_matter,
        not_utf8,
        repaired_front_matter,
        unreadable_file,
        unterminated_front_matter,
        yaml_feature,
    )
else:

    def __getattr__(name: str) -> object:
        if name in __all__:
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"no rule of reading is called {name!r}")
