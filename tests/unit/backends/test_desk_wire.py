"""The driver's side of a step, against a desk that is a list of sayings."""

from __future__ import annotations

from orgruntime.backends.desk_wire import Said, perform
from orgruntime.model.ids import TreeId
from orgruntime.model.step import Answer, Ask, StepReply
from orgruntime.testing.conformance.benches import TREE, thinking

WORKING, MISSING = Said(working=True), Said(missing=True)
DONE = Said(reply=StepReply(type="note", body={"text": "done"}))


class Saying:
    """A door to a seat that says what it was given, whatever it is asked."""

    def __init__(self, *said: Said) -> None:
        self._said = list(said)
        self.sent: list[TreeId | None] = []
        self.left = False

    async def begin(self, seat: str, request: bytes, tree: TreeId | None) -> bytes:
        self.sent.append(tree)
        return await self.go_on(seat, b"")

    async def go_on(self, seat: str, answer: bytes) -> bytes:
        return self._said.pop(0).model_dump_json().encode()

    def leave(self, seat: str) -> None:
        self.left = True


async def refuse(ask: Ask) -> Answer:
    raise AssertionError(f"nobody asks anything here: {ask}")


async def test_a_desk_that_is_slow_to_start_still_gets_its_tree() -> None:
    door = Saying(WORKING, WORKING, MISSING, WORKING, WORKING, DONE)
    assert await perform(door, thinking(), refuse) == DONE.reply
    assert door.sent == [None, TREE]
    assert not door.left


async def test_a_desk_that_has_the_tree_is_sent_none() -> None:
    door = Saying(WORKING, DONE)
    assert await perform(door, thinking(), refuse) == DONE.reply
    assert door.sent == [None]
