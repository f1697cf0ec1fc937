"""Whatever fails, and however: what the ledger says was spent is what the servers charged, and no bound is passed."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from pathlib import Path

from gateway_cases import ROLE, Books, HurriedClock, call, gateway
from hypothesis import given, settings
from hypothesis import strategies as st

from orgruntime.backends.anthropic_model import AnthropicModels
from orgruntime.model.amounts import Amounts, Budget
from orgruntime.model.dialogue import Message, ModelCall, ModelReply, ToolSpec, Usage
from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import ModelSpec, Price
from orgruntime.runtime.gateway import GatewayError, Patience
from orgruntime.runtime.ports import ModelCancelled, ModelError, ModelFault
from orgruntime.testing.messages_script import Asked, Fault, Says, failing, uses
from orgruntime.testing.messages_server import MessagesServer, Traits
from orgruntime.testing.scripted_models import ScriptedModels, says_text

PRICE = Price(input=3, output=15, cache_read=0.3, cache_write=3.75)
TOOLS = (ToolSpec(name="propose", description="d" * 200, input_schema={"type": "object"}),)


def play(asked: Asked) -> Says:
    return uses("propose", {"hypothesis": f"of {asked.text}", "because": "ü" * (len(asked.text) % 40)})


def dialogue(n: int) -> ModelCall:
    """Of the n-th step: half of them share a prefix."""
    message = Message(role="user", content=({"type": "text", "text": f"step {n} " * (1 + n % 7)},))
    return ModelCall(system=("program " * 40, f"role {n % 2}"), tools=TOOLS, messages=(message,), max_tokens=300)


async def test_the_ledger_says_what_the_server_charged(tmp_path: Path) -> None:
    """200 calls, twenty at once, of which a fifth fails, in every common way."""
    with MessagesServer(failing(play, 0.2, seed=7), traits=Traits(cache_floor=100)) as server:
        own = ModelSpec(name="m", species="own", base_url=server.url, price=PRICE, concurrency=20)
        models = AnthropicModels({})
        with (books := Books(tmp_path)).ledger:
            door = gateway(books, models, own, clock=HurriedClock(), patience=Patience(tries=40))
            replies = await asyncio.gather(*(door.ask(f"q{n}.0.0", ROLE, "m", dialogue(n)) for n in range(200)))
            await models.close()
            bills = server.bills
            charged = sum((models.cost(own, bill.usage) for bill in bills), Amounts())
            assert books.spent == charged
            assert sum((reply.spent for reply in replies), Amounts()) == charged
            assert books.reserved == Amounts()
            row = books.ledger.models()[0]
            assert (row.calls, row.attempts, row.usage) == (200, len(bills), server.total)
            assert len({bill.outcome for bill in bills}) >= 8
            assert row.usage.cache_read > 0
            assert all(reply.content for reply in replies)
            assert books.findings() == []


async def test_a_coarse_count_is_never_undercharged(tmp_path: Path) -> None:
    """A server whose tokens are of four bytes tells of them at the end only: what broke off is charged by its bytes."""
    kinds = (Fault.BROKEN, Fault.ENDED, Fault.ERROR_EVENT)
    with MessagesServer(failing(play, 0.5, kinds=kinds), traits=Traits(bytes_a_token=4)) as server:
        own = ModelSpec(name="m", species="own", base_url=server.url, price=PRICE)
        models = AnthropicModels({})
        with (books := Books(tmp_path)).ledger:
            door = gateway(books, models, own, patience=Patience(tries=40))
            await asyncio.gather(*(door.ask(f"q{n}", ROLE, "m", dialogue(n)) for n in range(30)))
            await models.close()
            total = server.total
            assert total.tokens <= books.spent.tokens <= total.tokens + 3 * total.output


async def test_cancelling_in_the_middle_of_everything_leaves_no_reservation(tmp_path: Path) -> None:
    with MessagesServer(failing(play, 0.3)) as server:
        own = ModelSpec(name="m", species="own", base_url=server.url, price=PRICE)
        models = AnthropicModels({})
        with (books := Books(tmp_path)).ledger:
            door = gateway(books, models, own)
            tasks = [asyncio.create_task(door.ask(f"q{n}", ROLE, "m", dialogue(n))) for n in range(20)]
            async with asyncio.timeout(60):
                while not server.total.input:
                    await asyncio.sleep(0.001)
            luck = random.Random(3)
            for task in tasks:
                await asyncio.sleep(luck.random() * 0.01)
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            await door.drain()
            await models.close()
            assert any(isinstance(end, asyncio.CancelledError) for end in ends)
            assert books.reserved == Amounts()
            assert books.findings() == []
            spent = books.spent
    assert spent.tokens >= server.total.input > 0


faults = st.sampled_from(ModelFault)
usages = st.builds(
    Usage,
    input=st.integers(0, 30), output=st.integers(0, 40), cache_read=st.integers(0, 30), cache_write=st.integers(0, 9),
)  # fmt: skip
ends = st.one_of(st.none(), st.tuples(faults, st.none() | usages), st.tuples(st.just("cancelled"), st.none() | usages))


class Odd(ScriptedModels):
    """Ends as it is told, one after the other, and keeps a bill; charges no more than its own worst case."""

    def __init__(self, script: list[tuple[ModelFault | str, Usage | None] | None]) -> None:
        super().__init__(lambda model, call: says_text("done"))
        self.script = script
        self.bill = Amounts()
        self.outcomes: Counter[str] = Counter()

    async def complete(self, model: ModelSpec, call: ModelCall) -> ModelReply:
        await asyncio.sleep(0)
        end = self.script.pop(0) if self.script else None
        cap = self.worst_case(model, call)
        if end is None:
            reply = await super().complete(model, call)
            self.bill += self.cost(model, reply.usage)
            self.outcomes["answered"] += 1
            return reply
        kind, usage = end
        self.outcomes[kind] += 1
        if kind == "cancelled":
            self.bill += cap if usage is None else self.cost(model, usage).capped(cap)
            raise ModelCancelled(usage)
        assert isinstance(kind, ModelFault)
        self.bill += self.cost(model, usage or Usage()).capped(cap)
        raise ModelError(kind, "as drawn", usage=usage, retry_after_s=1.0 if kind is ModelFault.RATE_LIMITED else None)


@settings(max_examples=30, deadline=None)
@given(script=st.lists(ends, max_size=25), run=st.integers(100, 2000), role=st.none() | st.integers(100, 1500))
def test_whatever_becomes_of_calls_the_books_are_right(
    script: list[tuple[ModelFault | str, Usage | None] | None], run: int, role: int | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_check(Path(folder), script, run, role))


async def _check(
    folder: Path, script: list[tuple[ModelFault | str, Usage | None] | None], run: int, role: int | None
) -> None:
    chain = (
        ModelSpec(name="m", species="claude-opus-5-5", fallback="n", concurrency=2),
        ModelSpec(name="n", species="claude-haiku-5-5"),
    )
    models = Odd(script)
    bounded = ROLE.model_copy(update={"budget": None if role is None else Budget(tokens=role)})
    other = ROLE.model_copy(update={"slug": RoleSlug("director")})
    with (books := Books(folder, Budget(trials=1, tokens=run))).ledger:

        def check() -> None:
            reserved, spent = books.ledger.amounts()
            assert reserved.tokens + spent.tokens <= run
            held, used = books.ledger.purse(bounded.slug)
            assert role is None or held.tokens + used.tokens <= role

        books.before_write = check
        door = gateway(books, models, *chain, patience=Patience(tries=3))
        asks = [door.ask(f"q{n}", bounded if n % 3 else other, "m", call(f"{n}")) for n in range(12)]
        ends = await asyncio.gather(*asks, return_exceptions=True)
        await door.drain()
        check()
        assert all(isinstance(end, ModelReply | GatewayError | asyncio.CancelledError) for end in ends)
        assert books.spent == models.bill
        assert books.reserved == Amounts()
        told: Counter[str] = Counter()
        for row in books.ledger.models():
            told.update(row.faults)
            told["answered"] += row.attempts - sum(row.faults.values())
        assert +told == models.outcomes
        assert books.findings() == []
