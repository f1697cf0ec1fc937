"""The rules that judge what was read of an org: one module a rule, each with its `CODE` and its check.

A rule knows facts and reports findings, and no rule knows another. Faults of reading have their modules next door
(`reading_rules`), and so have those of texts. Invariant: the tuple holds every module of this folder, in
alphabetical order; findings are sorted by place, so that the order of the rules is never seen.
"""

from __future__ import annotations

from typing import Protocol

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.rules import (
    absolute_source,
    accelerator_without_gpus,
    bad_metric_name,
    budget_below_baseline,
    budget_without_model,
    cadence_needs_agent,
    contradicted_number,
    dead_end,
    drifted_diagram,
    editable_and_frozen,
    editable_escapes,
    editable_judge,
    fractional_gpus,
    gang_without_network,
    gpus_not_granted,
    gpus_without_budget,
    handoff_not_adopted,
    human_handoff,
    metric_not_printed,
    missing_editable,
    missing_input,
    missing_script,
    missing_workspace,
    network_for_nobody,
    no_agent_role,
    no_budget,
    no_model,
    no_seed,
    nothing_editable,
    nothing_frozen,
    over_blast_radius,
    overlapping_editable,
    payload_never_comes,
    payload_not_accepted,
    payload_not_carried,
    payload_not_produced,
    reserves_nothing,
    role_over_budget,
    second_otherwise,
    setting_of_another_kind,
    shadowed_handoff,
    shell_syntax,
    stake_below_trial,
    stale_model,
    trial_over_budget,
    unbounded_cycle,
    unbounded_spend,
    undeclared_payload,
    uneven_verifier,
    unknown_accelerator,
    unknown_colleague,
    unknown_condition,
    unknown_fallback,
    unknown_format,
    unknown_payload,
    unknown_placeholder,
    unknown_species,
    unknown_tool_server,
    unmet_release,
    unpriced_model,
    unreachable_role,
    unused_payload,
    unused_tool_name,
    unused_tool_server,
    wildcard_grant,
)
from orgruntime.diagnostics.diagnostic import Code, Findings


class Rule(Protocol):
    """A module that judges an org."""

    CODE: Code

    def check(self, facts: Facts, findings: Findings) -> None: ...


RULES: tuple[Rule, ...] = (
    absolute_source,
    accelerator_without_gpus,
    bad_metric_name,
    budget_below_baseline,
    budget_without_model,
    cadence_needs_agent,
    contradicted_number,
    dead_end,
    drifted_diagram,
    editable_and_frozen,
    editable_escapes,
    editable_judge,
    fractional_gpus,
    gang_without_network,
    gpus_not_granted,
    gpus_without_budget,
    handoff_not_adopted,
    human_handoff,
    metric_not_printed,
    missing_editable,
    missing_input,
    missing_script,
    missing_workspace,
    network_for_nobody,
    no_agent_role,
    no_budget,
    no_model,
    no_seed,
    nothing_editable,
    nothing_frozen,
    over_blast_radius,
    overlapping_editable,
    payload_never_comes,
    payload_not_accepted,
    payload_not_carried,
    payload_not_produced,
    reserves_nothing,
    role_over_budget,
    second_otherwise,
    setting_of_another_kind,
    shadowed_handoff,
    shell_syntax,
    stake_below_trial,
    stale_model,
    trial_over_budget,
    unbounded_cycle,
    unbounded_spend,
    undeclared_payload,
    uneven_verifier,
    unknown_accelerator,
    unknown_colleague,
    unknown_condition,
    unknown_fallback,
    unknown_format,
    unknown_payload,
    unknown_placeholder,
    unknown_species,
    unknown_tool_server,
    unmet_release,
    unpriced_model,
    unreachable_role,
    unused_payload,
    unused_tool_name,
    unused_tool_server,
    wildcard_grant,
)


def judge(facts: Facts, findings: Findings) -> None:
    """Asks every rule."""
    for rule in RULES:
        rule.check(facts, findings)
