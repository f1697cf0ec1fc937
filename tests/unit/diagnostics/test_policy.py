"""Severities and ignored files: read strictly, applied exactly."""

from __future__ import annotations

import pytest

from orgruntime.diagnostics.codes import CODES, FOREIGN_KEY, UNKNOWN_KEY
from orgruntime.diagnostics.diagnostic import Diagnostic, Severity
from orgruntime.diagnostics.policy import BadSetting, Policy, read_ignores, read_levels
from orgruntime.diagnostics.span import Span

FAULT = Diagnostic(UNKNOWN_KEY.id, UNKNOWN_KEY.name, UNKNOWN_KEY.severity, Span("lab/roles/old/a.md"), "unknown")


def applied(levels: dict[str, str] | None = None, ignores: dict[str, list[str]] | None = None) -> Diagnostic | None:
    policy = Policy(read_levels(levels or {}, CODES), read_ignores(ignores or {}, CODES))
    return policy.apply(FAULT, lambda file: file.removeprefix("lab/"))


def test_nothing_asked_changes_nothing() -> None:
    assert applied() is FAULT


@pytest.mark.parametrize("rule", ["ORG113", "org113", "unknown-key"])
@pytest.mark.parametrize("level", ["error", "Warning", "info"])
def test_a_rule_is_set_by_code_or_name(rule: str, level: str) -> None:
    found = applied({rule: level})
    assert found is not None
    assert found.severity is Severity(level.lower())
    assert (found.span, found.message) == (FAULT.span, FAULT.message)


def test_a_rule_that_is_off_is_not_reported() -> None:
    assert applied({"unknown-key": "off"}) is None
    assert applied({FOREIGN_KEY.id: "off"}) is FAULT


@pytest.mark.parametrize("pattern", ["roles/old/a.md", "./roles/old/*", "roles/*", "*.md"])
def test_a_rule_is_ignored_in_files(pattern: str) -> None:
    assert applied(ignores={pattern: ["ORG113"]}) is None
    assert applied(ignores={pattern: ["*"]}) is None
    assert applied(ignores={pattern: ["foreign-key"]}) is FAULT


@pytest.mark.parametrize("pattern", ["lab/roles/old/a.md", "a.md", "roles/old", ""])
def test_other_files_are_not_ignored(pattern: str) -> None:
    assert applied(ignores={pattern: ["*"]}) is FAULT


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ({"ORG113": "warnin"}, "`warnin` is no severity; did you mean `warning`?"),
        ({"ORG113": "loud"}, "`loud` is no severity; known: `error`, `warning`, `info`, `off`"),
        ({"ORG999": "off"}, "no rule is called `ORG999`"),
        ({"unknwon-key": "off"}, "no rule is called `unknwon-key`; did you mean `unknown-key`?"),
    ],
)
def test_a_slip_is_answered_with_the_nearest(levels: dict[str, str], said: str) -> None:
    with pytest.raises(BadSetting) as caught:
        read_levels(levels, CODES)
    assert said in str(caught.value)
