"""What a plan says is what would run, and what it says of cost is a bound."""

from __future__ import annotations

import pytest

from orgruntime.model.amounts import Budget
from orgruntime.model.appetite import PRESETS, Dial, Preset
from orgruntime.model.fleet import Fleet
from orgruntime.model.manifest import Manifest, Resources
from orgruntime.model.numbers import Numbers
from orgruntime.plan.make import make_plan
from orgruntime.plan.plan import Plan, staleness
from orgruntime.plan.text import render
from orgruntime.scheduler.numbers import numbers


def numbers_of(manifest: Manifest) -> Numbers:
    trainer = manifest.roles[1]
    return numbers(manifest.appetite, manifest.budget, manifest.objective, 360, trainer.resources)


def plan_of(manifest: Manifest, fleet: Fleet | None = None, **changes: object) -> Plan:
    changed = manifest.model_copy(update=changes).sealed()
    return make_plan(changed, numbers_of(changed), fleet)


def test_a_plan_survives_its_json(manifest: Manifest, gpu_fleet: Fleet) -> None:
    plan = make_plan(manifest, numbers_of(manifest), gpu_fleet, folder="orgs/lab")
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    assert plan.schema_version == 1
    assert plan.manifest == manifest.hash


def test_a_trial_role_says_where_it_fits_and_an_agent_does_not(manifest: Manifest, gpu_fleet: Fleet) -> None:
    researcher, trainer, referee, _ = plan_of(manifest, gpu_fleet).roles
    assert (trainer.nodes, trainer.places, trainer.time_limit_s) == (("n1",), 2, 360)
    assert referee.time_limit_s == 60
    assert researcher.places is None
    assert researcher.resources is None


def test_without_a_fleet_nothing_is_said_of_places(manifest: Manifest) -> None:
    plan = plan_of(manifest)
    assert plan.roles[1].places is None
    assert plan.roles[1].misfit == ""
    assert "fleet     not asked" in render(plan)


def test_a_role_that_fits_nowhere_is_a_warning_with_the_nearest_miss(manifest: Manifest, gpu_fleet: Fleet) -> None:
    plan = plan_of(manifest, Fleet(nodes=gpu_fleet.nodes[1:]))
    assert "trainer: no node holds it; the nearest, n2, has 0 of 1 GPUs" in plan.warnings


@pytest.mark.parametrize(
    ("gpus", "said"),
    [
        (0.6, "1 trial of 0.6 leaves 40% to nobody: reserve `gpus: 1`, or `gpus: 0.5`, of which 2 fit"),
        (0.4, "2 trials of 0.4 leave 20% to nobody: reserve `gpus: 0.5`, or `gpus: 0.33`, of which 3 fit"),
        (0.33, ""),
        (0.5, ""),
    ],
)
def test_a_part_of_a_gpu_that_strands_the_rest_is_said(manifest: Manifest, gpus: float, said: str) -> None:
    roles = tuple(
        role.model_copy(update={"resources": Resources(gpus=gpus)}) if role.slug == "trainer" else role
        for role in manifest.roles
    )
    found = [line for line in plan_of(manifest, roles=roles).warnings if "to nobody" in line]
    assert found == ([f"trainer: on each GPU {said}"] if said else [])


def test_the_type_that_a_run_would_settle_on_is_printed(manifest: Manifest, gpu_fleet: Fleet) -> None:
    wish = Resources(gpus=1, accelerator="B200", fallbacks=("H100",), labels=("zone!=x",))
    roles = tuple(
        role.model_copy(update={"resources": wish}) if role.slug == "trainer" else role for role in manifest.roles
    )
    nodes = tuple(node.model_copy(update={"accelerator": "H100" if node.gpus else None}) for node in gpu_fleet.nodes)
    plan = plan_of(manifest, Fleet(nodes=nodes), roles=roles)
    assert (plan.roles[1].settled_on, plan.roles[1].places) == ("H100", 2)
    assert "1 GPU + B200 or H100 + where zone!=x, at most 360 s: fits n1 (H100), 2 at once" in render(plan)


def test_all_eight_dials_are_there_with_what_they_become(manifest: Manifest) -> None:
    plan = plan_of(manifest)
    assert [line.dial for line in plan.dials] == [dial.value for dial in list(Dial)[:8]]
    text = " ".join(render(plan).split())
    assert "of the climb's device time for long shots" in text
    assert "of candidates that go on past 0.125, 0.25, 0.5 of a trial" in text


@pytest.mark.parametrize("preset", Preset)
def test_the_proof_dial_is_printed_as_people_say_it(manifest: Manifest, preset: Preset) -> None:
    proof = plan_of(manifest, appetite=PRESETS[preset]).dials[0]
    assert proof.setting == {"cautious": "1 in 100", "balanced": "1 in 20", "bold": "1 in 5"}[preset.value]


def test_only_a_role_that_proposes_may_edit_and_nobody_has_network_or_secrets(manifest: Manifest) -> None:
    authority = plan_of(manifest).authority
    assert {line.role: line.editable for line in authority} == {
        "researcher": ("train.py",), "trainer": (), "referee": (), "scribe": (),
    }  # fmt: skip
    assert {line.network for line in authority} == {"off"}
    assert {line.secrets for line in authority} == {"none"}
    assert authority[0].tools == ("Read", "Edit")


def test_the_edges_carry_their_conditions(manifest: Manifest) -> None:
    assert [(edge.source, edge.target, edge.text) for edge in plan_of(manifest).edges] == [
        ("researcher", "trainer", "proposal, ×2"),
        ("trainer", "referee", "result, when promising"),
        ("trainer", "researcher", "result, when crashed, at most 2 times"),
        ("scribe", "scribe", "memo every 20 trials"),
    ]


@pytest.mark.parametrize(("bound", "words"), [(1, "at most once"), (2, "at most 2 times")])
def test_a_bound_is_said_in_english(manifest: Manifest, bound: int, words: str) -> None:
    first, *others = manifest.graph.handoffs
    edge = first.model_copy(update={"at_most": bound})
    graph = manifest.graph.model_copy(update={"handoffs": (edge, *others)})
    assert plan_of(manifest, graph=graph).edges[0].text.endswith(f", {words}")


def bill_of(plan: Plan) -> dict[str, int | None]:
    return {line.unit: line.worst for line in plan.bill}


def test_the_bill_bounds_device_time_by_the_trials(manifest: Manifest) -> None:
    bill = bill_of(plan_of(manifest))
    assert bill["trials"] == 200
    assert bill["gpu_ms"] == 200 * 360_000
    assert bill["usd_micro"] == 20_000_000


def test_the_bill_bounds_device_time_by_the_wall_clock_where_that_is_tighter(
    manifest: Manifest, gpu_fleet: Fleet
) -> None:
    assert bill_of(plan_of(manifest, gpu_fleet))["gpu_ms"] == 2 * 8 * 3_600_000
    no_trials = plan_of(manifest, gpu_fleet, budget=Budget(wall_ms=60_000))
    bill = bill_of(no_trials)
    assert bill.pop("tokens") is bill.pop("usd_micro") is None
    assert bill == {"trials": None, "gpu_ms": 120_000, "cpu_ms": 600_000, "wall_ms": 60_000}


def test_an_unbounded_budget_is_said(manifest: Manifest) -> None:
    plan = plan_of(manifest, budget=Budget(usd_micro=5))
    assert any("`run` refuses" in line for line in plan.warnings)
    assert bill_of(plan)["gpu_ms"] is None


def test_a_budget_that_cannot_certify_says_what_would(manifest: Manifest) -> None:
    short = plan_of(manifest, budget=Budget(trials=59))
    assert any("raise the budget to 60 trials" in line for line in short.warnings)
    assert not any("certification" in line for line in plan_of(manifest, budget=Budget(trials=60)).warnings)


def test_a_budget_that_the_noise_floor_uses_up_is_said(manifest: Manifest) -> None:
    assert any("noise floor alone" in line for line in plan_of(manifest, budget=Budget(trials=13)).warnings)


def test_a_stake_below_a_screen_is_said(manifest: Manifest) -> None:
    plan = plan_of(manifest, budget=Budget(trials=60))
    assert any(line.startswith("largest_stake 5%") for line in plan.warnings)


def test_a_fresh_plan_is_not_stale_and_a_changed_org_or_number_makes_it_so(manifest: Manifest) -> None:
    plan, figures = plan_of(manifest), numbers_of(manifest)
    assert staleness(plan, manifest, figures) == ""
    changed = manifest.model_copy(update={"mission": "another"}).sealed()
    assert "make a new plan" in staleness(plan, changed, figures)
    assert "(n_min)" in staleness(plan, manifest, figures.model_copy(update={"n_min": 1}))


def test_the_text_names_every_block(manifest: Manifest, gpu_fleet: Fleet) -> None:
    text = render(plan_of(manifest, gpu_fleet))
    for words in ("Roles", "Workflow", "Risk appetite", "Authority", "Worst-case bill", "minimize val_loss, to 2.02"):
        assert words in text
    assert "keys      ANTHROPIC_API_KEY" in text
    assert "at most 60 (30 %) for verification; a champion takes 22 or more" in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_an_org_without_edges_still_renders(manifest: Manifest) -> None:
    alone = manifest.graph.model_copy(update={"handoffs": (), "cadences": ()})
    text = render(plan_of(manifest, graph=alone))
    assert "Workflow" not in text
    assert "Authority" in text
