"""What is said of faults of reading programs and role files: one module a rule, each with its `CODE` and its words.

As with the rules of bytes and YAML (`orgfile/reading_rules`): a reader finds a fault and knows its place, the rule
knows what to say. Invariant: a rule's module is loaded when its first fault is met; `__all__` holds every module of
this folder.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__all__ = [
    "bad_panel",
    "bad_payload",
    "bad_table",
    "bad_value",
    "default_added",
    "duplicate_role",
    "duplicate_section",
    "empty_role",
    "foreign_key",
    "former_name_clash",
    "likely_typo",
    "missing_front_matter",
    "missing_key",
    "model_not_granted",
    "model_translated",
    "not_a_role",
    "not_an_org",
    "out_of_range",
    "outside_the_org",
    "renamed_role",
    "risk_not_granted",
    "stand_in",
    "tool_not_granted",
    "unknown_import",
    "unknown_key",
    "unknown_role",
    "unknown_tool",
    "unread_value",
    "unused_input",
    "unused_role_file",
    "workflow_syntax",
    "wrong_type",
]

if TYPE_CHECKING:
    from orgruntime.compiler.reading_rules import (
        bad_panel,
        bad_payload,
        bad_table,
        bad_value,
        default_added,
        duplicate_role,
        duplicate_section,
        empty_role,
        foreign_key,
        former_name_clash,
        likely_typo,
        missing_front_matter,
        missing_key,
        model_not_granted,
        model_translated,
        not_a_role,
        not_an_org,
        out_of_range,
        outside_the_org,
        renamed_role,
        risk_not_granted,
        stand_in,
        tool_not_granted,
        unknown_import,
        unknown_key,
        unknown_role,
        unknown_tool,
        unread_value,
        unused_input,
        unused_role_file,
        workflow_syntax,
        wrong_type,
    )
else:

    def __getattr__(name: str) -> object:
        if name in __all__:
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"no rule of reading is called {name!r}")
