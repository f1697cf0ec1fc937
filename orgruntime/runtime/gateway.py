"""The gateway: the one door through which model calls leave, and the books of what they cost.

Works on calls of roles and on species of the manifest; knows the port of models and the ledger's writes. Does not know
keys, HTTP, desks or what a call is about. Invariants: nothing is asked that is not reserved at its worst case, on disk;
each attempt is settled once, at what its server charged, whatever becomes of the answer; reserved + spent passes
neither the run's bound nor the role's.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from orgruntime.ledger.errors import BudgetExceeded
from orgruntime.ledger.rows import ANSWERED, Receipt
from orgruntime.ledger.transaction import Transaction
from orgruntime.model.amounts import Amounts
from orgruntime.model.call_limits import UNKNOWN_CONTEXT
from orgruntime.model.claude import context_of, max_output_of
from orgruntime.model.dialogue import ModelCall, ModelReply, Usage
from orgruntime.model.manifest import Manifest, ModelSpec, Role
from orgruntime.model.species import by_name, chain
from orgruntime.runtime.ports import Clock, ModelCancelled, ModelError, ModelFault, Models

T = TypeVar("T")

CANCELLED = "cancelled"
WITHDRAWN = "withdrawn"
"""The outcome of an attempt that was reserved and never made."""
FAILED = "failed"
"""The outcome of an attempt whose adapter broke its promise."""

FIRST_RATIO = 0.4
"""Tokens for each token of the worst case, before a model has shown its own: text has 2.5 bytes a token or more."""
RATIO_MARGIN = 1.05
LEAST_ROOM = 256
"""Tokens of an answer, below which asking is of no use."""


class Write(Protocol):
    """`Board.write`: performs a change within the next transaction; returns when that is on disk."""

    def __call__(self, change: Callable[[Transaction], T], /) -> Awaitable[T]: ...


class GatewayError(Exception):
    """No model answered, and none will now: one sentence."""

    def __init__(self, message: str, spent: Amounts) -> None:
        super().__init__(message)
        self.spent = spent
        """On the attempts that were made."""


@dataclass(frozen=True)
class Patience:
    """How often a model is asked again, and after how long. Ten tries of these take some six minutes."""

    tries: int = 10
    first_s: float = 1.0
    factor: float = 2.0
    longest_s: float = 120.0
    longest_asked_s: float = 900.0
    """A server that asks for more than this counts as one that does not answer."""


@dataclass
class _Asking:
    """One call on its way."""

    id: str
    role: Role
    call: ModelCall
    spent: Amounts = Amounts()
    attempt: int = 0
    """The number of the newest attempt; drivers go on where an earlier one ended."""
    words: list[str] = field(default_factory=list)


@dataclass
class _Lane:
    """What is known of one model while the driver lives."""

    slots: asyncio.Semaphore | None
    shut_until_s: float = 0.0
    """On the monotonic clock: its server asked to be left alone."""
    ratio: float = FIRST_RATIO


class _GaveUp(Exception):
    """This model will not answer; another may."""


class Gateway:
    """One a run, in the driver."""

    def __init__(
        self,
        manifest: Manifest,
        models: Models,
        clock: Clock,
        write: Write,
        rng: Callable[..., random.Random],
        *,
        patience: Patience | None = None,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        """`rng`: a generator for the parts of a name, as `Lab.rng`. `tell` hears of every attempt that failed."""
        self._manifest, self._models, self._clock, self._write, self._rng = manifest, models, clock, write, rng
        self._patience, self._tell = patience or Patience(), tell
        self._lanes: dict[str, _Lane] = {}
        self._entries = Counter(model.species for model in manifest.models)
        self._held = 0
        """Reservations that are not settled yet."""
        self._settled = asyncio.Event()
        """Set and replaced at every settlement."""
        self._closing: set[asyncio.Task[Any]] = set()

    async def ask(self, id: str, role: Role, model: str, call: ModelCall) -> ModelReply:
        """The answer of `model`, or of those that it or the role falls back on, and whose it is. Attempts: `<id>#1`, …

        Raises GatewayError when every model of the chain failed, or a budget refuses the next attempt.
        """
        asking = _Asking(id, role, call)
        for spec in chain(by_name(self._manifest.models), model, role.fallback):
            try:
                reply = await self._ask_one(spec, asking)
            except _GaveUp as failure:
                asking.words.append(f"{spec.name}: {failure}")
                continue
            return reply.model_copy(update={"spent": asking.spent, "entry": spec.name})
        raise GatewayError(f"no model answered: {'; '.join(asking.words)}", asking.spent)

    async def drain(self) -> None:
        """Waits until every attempt that was cancelled is settled. Of use only while somebody still writes."""
        while self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)

    async def _ask_one(self, spec: ModelSpec, asking: _Asking) -> ModelReply:
        lane = self._lane(spec)
        call, cap = self._fitted(spec, lane, asking.call)
        for n in range(1, self._patience.tries + 1):
            await self._until_open(lane, asking)
            try:
                return await self._attempt(spec, asking, call, cap, is_first=n == 1)
            except ModelError as error:
                wait = self._wait_s(error, asking, n)
                going_on = "" if wait is None else f"; asked again in {wait:.1f} s"
                self._tell(f"{spec.name} did not answer {asking.id}#{asking.attempt}: {error}{going_on}")
                if wait is None:
                    again = f" (asked {n} times)" if n > 1 else ""
                    raise _GaveUp(f"{error.fault}: {error}{again}") from error
                await self._clock.sleep(wait)
        raise AssertionError("the last try neither answered nor failed")

    async def _until_open(self, lane: _Lane, asking: _Asking) -> None:
        """Those who wait for the same hour do not all come at once."""
        while (wait := lane.shut_until_s - self._clock.monotonic()) > 0:
            late = self._rng("model call", asking.id, "open").uniform(0.0, self._patience.first_s)
            await self._clock.sleep(wait + late)

    async def _attempt(
        self, spec: ModelSpec, asking: _Asking, call: ModelCall, cap: Amounts, *, is_first: bool
    ) -> ModelReply:
        async with self._lane(spec).slots or contextlib.nullcontext():
            return await self._paid_attempt(spec, asking, call, cap, is_first=is_first)

    async def _paid_attempt(
        self, spec: ModelSpec, asking: _Asking, call: ModelCall, cap: Amounts, *, is_first: bool
    ) -> ModelReply:
        """Reserve, ask, settle. Raises ModelError, or GatewayError when a budget refuses."""
        id = await self._reserve(spec, asking, cap)
        began = self._clock.monotonic()

        def receipt(outcome: str, usage: Usage | None, lacks: dict[str, str] | None = None) -> Receipt:
            taken = round((self._clock.monotonic() - began) * 1000)
            return Receipt(outcome, usage or Usage(), is_first, taken, lacks or {})

        try:
            reply = await self._models.complete(spec, call)
        except ModelError as error:
            lane = self._lane(spec)
            lane.shut_until_s = max(lane.shut_until_s, self._clock.monotonic() + (error.retry_after_s or 0.0))
            used = self._models.cost(spec, error.usage) if error.usage else Amounts()
            await self._settle(asking, id, used.capped(cap), receipt(error.fault, error.usage))
            raise
        except asyncio.CancelledError as error:
            usage = error.usage if isinstance(error, ModelCancelled) else None
            used = cap if usage is None else self._models.cost(spec, usage).capped(cap)
            self._later(self._settle(asking, id, used, receipt(CANCELLED, usage)))
            # Not ours: a timeout around this call knows its cancellation by this very class.
            raise asyncio.CancelledError from None
        except BaseException:
            self._later(self._settle(asking, id, cap, receipt(FAILED, None)))
            raise
        used = self._models.cost(spec, reply.usage).capped(cap)
        self._learn(spec, call, cap, reply.usage)
        await self._settle(asking, id, used, receipt(ANSWERED, reply.usage, reply.lacks))
        return reply

    async def _reserve(self, spec: ModelSpec, asking: _Asking, cap: Amounts) -> str:
        """The id of the attempt. What others hold may come back: a call waits for them before a budget refuses it."""
        gone = False

        def change(tx: Transaction) -> tuple[int, Amounts] | BudgetExceeded | None:
            if gone:
                return None
            number, known = asking.attempt + 1, Amounts()
            try:
                while not tx.reserve_spend(
                    f"{asking.id}#{number}", asking.role.slug, self._booked(spec), cap, asking.role.budget
                ):
                    known += tx.spent_on(f"{asking.id}#{number}") or Amounts()
                    number += 1
            except BudgetExceeded as error:
                return error
            return number, known

        while True:
            news = self._settled
            writing = asyncio.ensure_future(self._write(change))
            try:
                held = await asyncio.shield(writing)
            except asyncio.CancelledError:
                gone = True
                self._later(self._withdraw(asking, writing))
                raise
            if isinstance(held, tuple):
                asking.attempt, earlier = held
                asking.spent += earlier
                self._held += 1
                return f"{asking.id}#{asking.attempt}"
            assert held is not None
            if not self._held and not news.is_set():
                raise GatewayError(_refused(held), asking.spent) from held
            await news.wait()

    async def _withdraw(
        self, asking: _Asking, writing: asyncio.Future[tuple[int, Amounts] | BudgetExceeded | None]
    ) -> None:
        """Gives back what was reserved for a call that was cancelled at that moment."""
        held = await writing
        if isinstance(held, tuple):
            self._held += 1
            await self._settle(asking, f"{asking.id}#{held[0]}", Amounts(), Receipt(WITHDRAWN, is_first=False))

    async def _settle(self, asking: _Asking, id: str, used: Amounts, receipt: Receipt) -> None:
        """Goes on when its caller is cancelled: the write is a task of its own."""
        asking.spent += used
        await asyncio.shield(self._later(self._settled_on_disk(id, used, receipt)))

    async def _settled_on_disk(self, id: str, used: Amounts, receipt: Receipt) -> None:
        try:
            await self._write(lambda tx: tx.settle_spend(id, used, receipt))
        finally:
            self._held -= 1
            news, self._settled = self._settled, asyncio.Event()
            news.set()

    def _later(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._closing.add(task)
        task.add_done_callback(self._closed)
        return task

    def _closed(self, task: asyncio.Task[None]) -> None:
        """What could not be written stays reserved; the next driver charges it in full."""
        self._closing.discard(task)
        if not task.cancelled():
            task.exception()

    def _booked(self, spec: ModelSpec) -> str:
        """Under what its calls stand in the books: the species, or the entry's name where several have that one."""
        return spec.species if self._entries[spec.species] < 2 else spec.name

    def _lane(self, spec: ModelSpec) -> _Lane:
        if spec.name not in self._lanes:
            slots = asyncio.Semaphore(spec.concurrency) if spec.concurrency else None
            self._lanes[spec.name] = _Lane(slots)
        return self._lanes[spec.name]

    def _fitted(self, spec: ModelSpec, lane: _Lane, call: ModelCall) -> tuple[ModelCall, Amounts]:
        """The call with an answer no longer than the model and its context allow, and its worst case. Raises _GaveUp
        when none fits."""
        cap = self._models.worst_case(spec, call)
        # Tokens that the prompt cannot exceed, by as much as it fell short of them so far.
        prompt = round((cap.tokens - call.max_tokens) * min(1.0, lane.ratio))
        room = _context(spec) - prompt
        if room < min(LEAST_ROOM, call.max_tokens):
            raise _GaveUp(f"{ModelFault.TOO_LONG}: a prompt of some {prompt} tokens, a context of {_context(spec)}")
        longest = spec.max_output or max_output_of(spec.species) or call.max_tokens
        if call.max_tokens <= min(longest, room):
            return call, cap
        call = call.model_copy(update={"max_tokens": min(longest, room)})
        return call, self._models.worst_case(spec, call)

    def _learn(self, spec: ModelSpec, call: ModelCall, cap: Amounts, usage: Usage) -> None:
        bound, prompt = cap.tokens - call.max_tokens, usage.tokens - usage.output
        if bound > 0 and prompt > 0:
            self._lane(spec).ratio = RATIO_MARGIN * prompt / bound

    def _wait_s(self, error: ModelError, asking: _Asking, n: int) -> float | None:
        """Seconds before the next try, jittered by the attempt's own name; None when there is none."""
        patience = self._patience
        asked = error.retry_after_s or 0.0
        if not error.fault.is_passing or n >= patience.tries or asked > patience.longest_asked_s:
            return None
        step = min(patience.longest_s, patience.first_s * patience.factor ** (n - 1))
        jitter = self._rng("model call", asking.id, asking.attempt).uniform(0.5, 1.0)
        return asked + step * jitter


def settle_orphans(tx: Transaction) -> int:
    """For the start of a driver: charges in full what an earlier one had reserved and never settled."""
    return tx.settle_orphans()


def _context(spec: ModelSpec) -> int:
    return spec.context or context_of(spec.species) or UNKNOWN_CONTEXT


def _refused(error: BudgetExceeded) -> str:
    whose = f"role {error.role!r}" if error.role else "the run"
    if error.unit == "usd_micro":
        left, wanted = error.left / 1e6, error.wanted / 1e6
        return f"the budget of {whose} has ${left:.6f} left, the next call may cost ${wanted:.6f}"
    return f"the budget of {whose} has {error.left} {error.unit} left, the next call may take {error.wanted}"
