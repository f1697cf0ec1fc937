"""A gateway on a real ledger, with models that a test scripts and a clock that does not make it wait."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from orgruntime.ledger.audit import audit
from orgruntime.ledger.store import Ledger
from orgruntime.ledger.transaction import Transaction
from orgruntime.model.amounts import Amounts, Budget
from orgruntime.model.dialogue import Message, ModelCall
from orgruntime.model.ids import RoleSlug, RunId
from orgruntime.model.manifest import ModelSpec, Role, RoleKind
from orgruntime.runtime.gateway import Gateway, Patience
from orgruntime.runtime.ports import Models
from orgruntime.testing.fake_clock import FakeClock
from orgruntime.testing.lab import small_org

T = TypeVar("T")

ROLE = Role(slug=RoleSlug("researcher"), name="Researcher", kind=RoleKind.AGENT, species=("m",))


class HurriedClock(FakeClock):
    """Time passes exactly as fast as somebody sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)


@dataclass
class Books:
    """A ledger that a gateway writes to as a supervisor would: one transaction a write, some time later."""

    folder: Path
    budget: Budget = field(default_factory=lambda: Budget(trials=1, tokens=10**9, usd_micro=10**9))

    def __post_init__(self) -> None:
        self.path = self.folder / "ledger.db"
        if self.path.exists():
            self.ledger = Ledger.open(self.path)
        else:
            self.ledger = Ledger.create(
                self.path, run=RunId("r1"), manifest_hash="m", org="o", budget=self.budget, seed=1
            )
        self.ledger.database.rows("PRAGMA synchronous = OFF")
        self.ledger.take_over()
        self.before_write: Callable[[], None] = lambda: None

    async def write(self, change: Callable[[Transaction], T]) -> T:
        await asyncio.sleep(0)
        self.before_write()
        with self.ledger.transaction() as tx:
            return change(tx)

    @property
    def reserved(self) -> Amounts:
        return self.ledger.amounts().reserved

    @property
    def spent(self) -> Amounts:
        return self.ledger.amounts().spent

    def spends(self) -> list[tuple[str, str, int]]:
        """(attempt, state, tokens)."""
        rows = self.ledger.database.rows("SELECT id, state, used_tokens FROM spends ORDER BY id")
        return [(row["id"], row["state"], row["used_tokens"]) for row in rows]

    def findings(self) -> list[str]:
        return audit(self.path)


def gateway(
    books: Books,
    models: Models,
    *specs: ModelSpec,
    clock: FakeClock | None = None,
    patience: Patience | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Gateway:
    """The model that is asked is called `m` unless the test says otherwise."""
    manifest = small_org(models=specs or (ModelSpec(name="m", species="claude-opus-5-5"),))
    return Gateway(manifest, models, clock or HurriedClock(), books.write, _rng, patience=patience, tell=tell)


def _rng(*parts: object) -> random.Random:
    return random.Random(":".join(map(str, parts)))


def call(words: str = "Go on.", **changed: Any) -> ModelCall:
    fields: dict[str, Any] = {
        "system": ("role",), "tools": (), "max_tokens": 50,
        "messages": (Message(role="user", content=({"type": "text", "text": words},)),),
    }  # fmt: skip
    return ModelCall(**{**fields, **changed})
