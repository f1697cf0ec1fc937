"""What a certificate says of where its trials ran."""

from __future__ import annotations

import platform

from supervised import Bench

from orgruntime import __version__
from orgruntime.model.research import Certificate
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.model.trial import TrialOutcome, TrialSpec
from orgruntime.testing.scripted_desks import declining, setting


async def certified(bench: Bench) -> Certificate:
    def one_win(request: StepRequest) -> StepReply:
        return setting(request, "LR", 3) if not request.past else declining("enough")

    await bench.run(one_win)
    with bench.ledger() as ledger:
        champion = ledger.champion()
    assert champion is not None
    assert champion.certificate is not None
    return champion.certificate


async def test_the_environment_is_that_of_the_nodes_and_not_of_the_driver(bench: Bench) -> None:
    certificate = await certified(bench)
    assert certificate.environment == {
        "python": "0.0", "platform": "make-believe", "accelerator": "none", "isolation": "none", "nodes": "1",
        "orgruntime": __version__,
    }  # fmt: skip
    assert platform.python_version() not in certificate.environment.values()


async def test_a_node_that_nobody_knows_any_more_is_said_beside_the_others(bench: Bench) -> None:
    """It ran under a driver before this one; and one run in the box does not make all of them boxed."""
    places = iter(range(1000))

    def script(spec: TrialSpec) -> TrialOutcome:
        first = next(places) % 2
        where = {"node": "10.0.0.0", "isolation": "strict"} if first else {"node": "10.9.9.9", "isolation": "none"}
        return bench.program(spec).model_copy(update=where)

    bench.script = script
    certificate = await certified(bench)
    assert certificate.environment["python"] == "0.0; unknown"
    assert certificate.environment["isolation"] == "none; strict"
    assert certificate.environment["nodes"] == "2"
    assert certificate.isolation == "none"
