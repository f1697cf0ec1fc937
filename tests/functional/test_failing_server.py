"""Two hundred steps against a server that fails a fifth of its calls in every common way: real Ray, real HTTP.

An inquiry is three steps here: a thinker asks a critic, the critic answers, the thinker proposes. What each says is a
function of the inquiry alone, so that every payload of the ledger can be held against what was said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cli_cases import Said, orgrun_process
from thinking_cases import TRAIN, declines, done_by, events, inquiry_of, number_of, proposes, transcript, write_org

from orgruntime.backends.anthropic_model import AnthropicModels
from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger
from orgruntime.model.amounts import Amounts
from orgruntime.model.manifest import ModelSpec, Price
from orgruntime.testing.messages_bill import Bill
from orgruntime.testing.messages_script import COMMON, Asked, Fault, Says, failing, uses
from orgruntime.testing.messages_server import MessagesServer

DESKS = 10
INQUIRIES = 60
"""That propose; every later one declines, until each desk has for five times and the run has nothing left to do."""
STEPS = 200
SHORT_S = 0.2
ROW = "| [Thinker](roles/thinker.md) | agent |"
FIRST = "1. [Thinker]"
LISTED = {
    Fault.RATE_LIMITED, Fault.OVERLOADED, Fault.BROKEN, Fault.MALFORMED, Fault.REFUSAL, Fault.OVERLONG,
}  # fmt: skip
CHARGED = ModelSpec(name="thinker", species="scripted", price=Price(input=1, output=5))


def is_critic(asked: Asked) -> bool:
    return any(block["text"].startswith("# Your role: Critic") for block in asked.body["system"])


def script(asked: Asked) -> Says:
    n = number_of(asked)
    if n > INQUIRIES:
        return declines("no more")
    if is_critic(asked):
        return uses("hand_off_note", {"text": f"answer {n}"}, per_delta_s=0.01)
    if "Critic answered" not in str(asked.body["messages"][0]["content"]):
        return uses("hand_off_note", {"text": f"question {n}"}, delay_s=0.05)
    if "Write" not in done_by(asked):
        # Worse and worse, so that nothing is worth a second look.
        content = TRAIN.format(sleep=0.0).replace("A = 0.5", f"A = {0.4 - n * 0.001:.3f}")
        return uses("Write", {"file_path": "train.py", "content": content})
    return proposes(f"step {n} helps")


SAID = {
    **{f"question {n}": ("note", "thinker") for n in range(1, INQUIRIES + 1)},
    **{f"answer {n}": ("note", "critic") for n in range(1, INQUIRIES + 1)},
    **{f"step {n} helps": ("proposal", "thinker") for n in range(1, INQUIRIES + 1)},
}


def hurried(asked: Asked) -> Says:
    """As `failing`, and no server asks to be left alone for long."""
    says = failing(script, 0.2, seed=11)(asked)
    return says if says.retry_after_s is None else replace(says, retry_after_s=SHORT_S)


class Survived(NamedTuple):
    said: Said
    run: Path
    bills: tuple[Bill, ...]
    tokens: int
    steps: dict[int, str]
    """Number of a request → the step that it came from, `INQUIRY/ROLE`."""


@pytest.fixture(scope="module")
def survived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survived]:
    home = tmp_path_factory.mktemp("failing")
    with MessagesServer(hurried) as server:
        org = write_org(home, server.url, count=DESKS, budget="trials: 400, usd: 50", tools="Read, Write")
        program = org / "program.md"
        critic = "| [Critic](roles/critic.md) | agent | 2 | thinker | |\n"
        asks = "1. [Thinker](roles/thinker.md) asks [Critic](roles/critic.md): `note`, at most once\n2. [Thinker]"
        program.write_text(program.read_text().replace(ROW, critic + ROW).replace(FIRST, asks))
        (org / "roles" / "critic.md").write_text("---\nname: Critic\n---\n\nYou are the critic.\n")
        words = ("--seed", "1", "--run-id", "r1", "--cpus", "2")
        said = orgrun_process("run", org, *words, cwd=home, timeout=400)
        steps = {
            asked.n: f"{inquiry_of(asked)}/{'critic' if is_critic(asked) else 'thinker'}" for asked in server.asked
        }
        yield Survived(said, home / ".orgrun" / "runs" / "r1", tuple(server.bills), server.total.tokens, steps)


def rows(survived: Survived, sql: str) -> list[Any]:
    with Ledger.open_readonly(survived.run / "ledger.db") as ledger:
        return ledger.database.rows(sql)


@pytest.mark.ray
@pytest.mark.slow(70)
@pytest.mark.timeout(450)
def test_two_hundred_steps_come_to_an_end(survived: Survived) -> None:
    assert survived.said.code == 0, survived.said.err
    assert audit(survived.run / "ledger.db") == []
    taken = rows(survived, "SELECT count(*) AS n FROM steps WHERE role IN ('thinker', 'critic')")[0]["n"]
    assert taken >= STEPS
    outcomes = Counter(bill.outcome for bill in survived.bills)
    assert set(outcomes) >= LISTED
    assert set(outcomes) == {*COMMON, "answered"}, "no client left, and nothing is open"
    failed = sum(count for outcome, count in outcomes.items() if outcome != "answered")
    assert 0.1 < failed / len(survived.bills) < 0.3


@pytest.mark.ray
def test_no_inquiry_is_lost(survived: Survived) -> None:
    """Each is closed; its steps are all there, and each of a model has a record that ends as the ledger says."""
    inquiries = rows(survived, "SELECT id, state FROM inquiries")
    assert {row["state"] for row in inquiries} == {"closed"}
    visits: dict[str, list[Any]] = {row["id"]: [] for row in inquiries}
    for step in rows(survived, "SELECT * FROM steps ORDER BY inquiry, visit"):
        visits[step["inquiry"]].append(step)
    for inquiry, steps in visits.items():
        assert [step["visit"] for step in steps] == list(range(len(steps))) != [], inquiry
        for step in steps:
            if step["role"] != "trainer":
                end = transcript(survived.run, f"{inquiry}.{step['visit']}")[-1]
                assert end["kind"] == "end"
                assert end["how"] == (step["type"] or end["how"]) if step["payload"] else end["why"]


@pytest.mark.ray
def test_no_payload_is_invented(survived: Survived) -> None:
    """What the ledger holds is what the model said in that inquiry; an answer that failed came to nothing."""
    found = Counter[str]()
    for row in rows(survived, "SELECT * FROM payloads WHERE source IN ('thinker', 'critic')"):
        with Ledger.open_readonly(survived.run / "ledger.db") as ledger:
            payload = ledger.payload(row["id"])
        words = str(payload.body.get("hypothesis", payload.body.get("text")))
        assert SAID[words] == (payload.type, payload.source)
        assert row["inquiry"] == f"q{''.join(sign for sign in words if sign.isdigit())}"
        found[words.split()[0]] += 1
    assert min(found.values()) > INQUIRIES / 2
    assert found.keys() == {"question", "answer", "step"}


ENDS_A_STEP = {
    "refused to go on": Fault.REFUSAL,
    "malformed": Fault.MALFORMED,
    "used a tool wrongly": Fault.MALFORMED,
    "without using a tool": Fault.OVERLONG,
}
"""Words of a failed step → what a server must have done in that step, beyond what is asked again."""


@pytest.mark.ray
def test_an_inquiry_comes_to_nothing_only_where_the_server_says_so(survived: Survived) -> None:
    """Each of the inquiries that were to propose and did not has a failed step of its thinker, for a reason that stands
    on the bill of that very inquiry."""
    proposed = {row["inquiry"] for row in rows(survived, "SELECT inquiry FROM proposals")}
    failed: dict[str, list[str]] = {}
    for event in events(survived.run, "fail-step"):
        failed.setdefault(event["subject"].partition("/")[0], []).append(f"{event['desk']}: {event['reason']}")
    billed = Counter((survived.steps[bill.n], bill.outcome) for bill in survived.bills)
    lost = {f"q{n}" for n in range(1, INQUIRIES + 1)} - proposed
    for inquiry in lost:
        reasons = [reason for reason in failed.get(inquiry, []) if reason.startswith("thinker#")]
        assert len(reasons) == 1, f"{inquiry} proposed nothing, and no step of it failed: {failed.get(inquiry)}"
        fault = next((fault for words, fault in ENDS_A_STEP.items() if words in reasons[0]), None)
        assert fault is not None, reasons
        assert billed[f"{inquiry}/thinker", fault], (
            f"{inquiry} ended with {reasons[0]!r}, and the server did no such thing"
        )
    assert len(lost) < INQUIRIES / 4


@pytest.mark.ray
def test_no_call_is_unpaid_or_paid_twice(survived: Survived) -> None:
    spends = rows(survived, "SELECT id, state, used_tokens FROM spends")
    assert {row["state"] for row in spends} == {"settled"}
    assert len(spends) == len({row["id"] for row in spends}) == len(survived.bills)
    assert sorted(row["used_tokens"] for row in spends) == sorted(bill.usage.tokens for bill in survived.bills)
    charged = sum((AnthropicModels({}).cost(CHARGED, bill.usage) for bill in survived.bills), Amounts())
    with Ledger.open_readonly(survived.run / "ledger.db") as ledger:
        reserved, spent = ledger.amounts()
        calls = ledger.models()
    assert (spent.tokens, spent.usd_micro) == (survived.tokens, charged.usd_micro)
    assert (reserved.tokens, reserved.usd_micro) == (0, 0)
    assert sum(one.attempts for one in calls) == len(survived.bills)
