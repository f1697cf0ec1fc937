"""The graph of a role's step: what it asks, in which order, how each way through it ends."""

from __future__ import annotations

from typing import Any

import pytest
from dialogue_cases import Driver, FakeHands, bench, counted, fits_the_api, hand_off, says_text, step, use, uses

from orgruntime.backends import role_graph
from orgruntime.backends.desk_tools import Ran
from orgruntime.backends.role_graph import handed_type, play
from orgruntime.model.amounts import Amounts
from orgruntime.model.dialogue import ModelReply, ToolResult, ToolUse
from orgruntime.model.step import Answer, Ask, AskKind, StepReply
from orgruntime.runtime.ports import StepError


def edits(use: ToolUse) -> Ran | str:
    if use.name == "Edit":
        return Ran(ToolResult(id=use.id, text="changed"), {"train.py": use.input["new_string"]})
    return "seen"


def bad(use: ToolUse) -> Ran:
    return Ran(ToolResult(id=use.id, text="bad", is_error=True), malformed=use.name == "Edit")


def stopped(stop: str, text: str) -> ModelReply:
    return says_text(text).model_copy(update={"stop": stop})


def played(*replies: Any, hands: FakeHands | None = None, refuses: Any = lambda ask: "", **limits: Any) -> Any:
    driver, hands = Driver(*replies, refuses=refuses), hands or FakeHands(edits)
    reply = play(step(**limits), driver, hands)
    for call in driver.calls:
        fits_the_api(call)
    assert [ask.n for ask in driver.asks] == list(range(len(driver.asks)))
    return reply, driver, hands


def test_it_thinks_acts_and_hands_off() -> None:
    reply, driver, hands = played(
        use("Read", file_path="train.py"),
        use("Edit", file_path="train.py", new_string="better"),
        hand_off(hypothesis="h"),
    )
    assert reply == StepReply(type="proposal", body={"hypothesis": "h"}, files={"train.py": "better"})
    assert driver.kinds == [
        "model", "may Read", "did Read", "model", "may Edit", "did Edit", "model", "may hand_off_proposal",
    ]  # fmt: skip
    assert [used.name for used in hands.used] == ["Read", "Edit"]
    did = driver.asks[5]
    assert did.result == ToolResult(id="t1", text="changed")
    assert did.changes == {"train.py": "better"}
    assert driver.asks[7].files == {"train.py": "better"}
    assert driver.asks[4].files == {}, "a tool of the desk needs no files"
    first, last = driver.calls[0], driver.calls[2]
    assert first.messages[0].content == ({"type": "text", "text": "improve it"},)
    assert last.messages[: len(first.messages)] == first.messages
    assert first.must_use_tool
    assert (first.system, first.tools) == (last.system, last.tools)
    assert first.max_tokens == bench().limits.output_tokens


def test_uses_of_one_answer_are_served_in_order_and_answered_in_one_message() -> None:
    reply, driver, _ = played(
        uses(("Read", {}), ("Edit", {"new_string": "x"}), ("Nonsense", {})),
        uses(("Edit", {"new_string": "y"}), ("hand_off_proposal", {})),
    )
    assert driver.kinds[1:6] == ["may Read", "did Read", "may Edit", "did Edit", "may Nonsense"]
    results = driver.calls[1].messages[-1].content
    assert [(block["tool_use_id"], block["content"], block.get("is_error", False)) for block in results] == [
        ("t0", "seen", False), ("t1", "changed", False), ("t2", "Nonsense is not granted", True),
    ]  # fmt: skip
    assert reply.files == {"train.py": "y"}


def test_the_same_answers_give_the_same_questions() -> None:
    script = (
        uses(("Read", {}), ("Edit", {"new_string": "x"})), says_text("hm"), use("Bash", command="ls"),
        ModelReply(content=(), stop="end_turn"), use("Read", id=""), hand_off(),
    )  # fmt: skip
    first, second = played(*script)[1], played(*script)[1]
    assert first.asks == second.asks
    answers = iter(first.answers)
    asked: list[Ask] = []

    def recorded(ask: Ask) -> Answer:
        asked.append(ask)
        return next(answers)

    play(step(), recorded, FakeHands(edits))
    assert asked == first.asks


def test_what_is_recorded_is_made_instead_of_run() -> None:
    """As a driver that resumes answers: the result and the changes of the tool, and no leave to run it."""

    def serve(ask: Ask) -> Answer:
        if ask.call is not None:
            turn = len(ask.call.messages) // 2
            return Answer(reply=(use("Edit", new_string="x"), use("Read"), hand_off())[turn])
        assert ask.use is not None
        assert ask.kind is AskKind.MAY
        if ask.use.name == "hand_off_proposal":
            return Answer(handed=True)
        changes: dict[str, str | None] = {"train.py": "recorded"} if ask.use.name == "Edit" else {}
        return Answer(result=ToolResult(id="of another life", text="recorded"), changes=changes)

    hands = FakeHands()
    reply = play(step(), serve, hands)
    assert reply.files == {"train.py": "recorded"}
    assert hands.used == []


def test_a_refused_use_is_not_run_and_told() -> None:
    reply, driver, hands = played(
        use("Bash", command="x"), hand_off(), refuses=lambda ask: "no" * (ask.use.name == "Bash")
    )
    assert reply.type == "proposal"
    assert hands.used == []
    assert driver.calls[1].messages[-1].content[0] == {
        "type": "tool_result", "tool_use_id": "t1", "content": "no", "is_error": True,
    }  # fmt: skip


def test_a_handoff_beside_a_tool_that_failed_waits() -> None:
    """The agent handed off what it believed to have changed."""
    reply, driver, _ = played(
        uses(("Edit", {"new_string": "x"}), ("hand_off_proposal", {})), hand_off(), hands=FakeHands(bad)
    )
    assert driver.kinds == ["model", "may Edit", "did Edit", "model", "may hand_off_proposal"]
    assert "another tool of the same answer failed" in driver.calls[1].messages[-1].content[1]["content"]
    assert reply.type == "proposal"


def test_declining_is_no_failure() -> None:
    reply, _, _ = played(use("decline", reason="nothing  to\ngain"))
    assert (reply.type, reply.declined, reply.failed) == ("", "nothing to gain", "")


@pytest.mark.parametrize(
    ("replies", "limits", "words"),
    [
        ([says_text("I am done.")], {"nudges": 2}, "ended its turn 3 times in a row without using a tool"),
        ([ModelReply(content=(), stop="end_turn")], {}, "ended its turn 4 times"),
        ([use("Read")], {"turns": 5}, "all of its 5 model calls"),
        ([stopped("refusal", "I \x1b[1mwill\nnot")], {}, "refused to go on: I will not"),
        ([stopped("refusal", "")], {}, "refused to go on: it gave no reason"),
        ([uses(("Write", {"content": "half"}), stop="max_tokens")], {"nudges": 2}, "ended its turn 3 times"),
        ([use("Nothing")], {}, "used a tool wrongly 11 times in a row, at last: Nothing is not granted"),
    ],
)  # fmt: skip
def test_what_leads_nowhere_ends_as_a_failure(replies: list[ModelReply], limits: dict[str, Any], words: str) -> None:
    reply, _, hands = played(*replies, **limits)
    assert words in reply.failed
    assert (reply.type, reply.body, reply.files, reply.declined) == ("", {}, {}, "")
    assert not any(used.name == "Write" for used in hands.used)


def test_malformed_uses_are_counted_and_good_ones_forgive() -> None:
    reply, driver, _ = played(use("Edit"), hands=FakeHands(bad))
    assert "wrongly 11 times" in reply.failed
    assert len(driver.calls) == 11
    script = [use("Edit")] * 9 + [use("Read")] + [use("Edit")] * 9 + [hand_off()]
    assert played(*script, hands=FakeHands(bad))[0].type == "proposal"


def test_a_handoff_refused_again_and_again_ends_the_step() -> None:
    reply, driver, _ = played(hand_off(), refuses=lambda ask: "it lacks a hypothesis")
    assert "its handoff was refused 13 times in a row, at last: it lacks a hypothesis" in reply.failed
    assert len(driver.calls) == 13


def test_the_driver_can_end_it_at_every_kind_of_ask() -> None:
    for kind in AskKind:
        script = Driver(use("Read"), hand_off())

        def serve(ask: Ask, kind: AskKind = kind, script: Driver = script) -> Answer:
            return Answer(over="the run stops") if ask.kind is kind else script(ask)

        assert play(step(), serve, FakeHands()).failed == "the run stops"


def test_what_the_driver_raises_is_raised() -> None:
    def serve(ask: Ask) -> Answer:
        raise KeyError("the run")

    with pytest.raises(KeyError, match="the run"):
        play(step(), serve, FakeHands())


@pytest.mark.parametrize("kind", [AskKind.MODEL, AskKind.MAY])
def test_an_answer_that_answers_nothing_is_the_drivers_fault(kind: AskKind) -> None:
    script = Driver(use("Read"))
    with pytest.raises(StepError, match="the driver answered"):
        play(step(), lambda ask: Answer() if ask.kind is kind else script(ask), FakeHands())


def test_a_nudge_says_how_to_end() -> None:
    _, driver, _ = played(says_text("done"), hand_off())
    nudge = driver.calls[1].messages[-1].content[0]["text"]
    assert "hand_off_proposal or decline" in nudge


def test_a_cut_off_use_is_not_run_and_the_ones_before_it_are() -> None:
    cut = uses(("Edit", {"new_string": "x"}), ("Write", {"content": "hal"}), stop="max_tokens")
    reply, driver, hands = played(cut, hand_off())
    assert [used.name for used in hands.used] == ["Edit"]
    told = driver.calls[1].messages[-1].content
    assert "cut off at 8192 tokens" in told[1]["content"]
    assert told[1]["is_error"]
    assert reply.files == {"train.py": "x"}


def test_a_cut_off_text_is_a_nudge() -> None:
    _, driver, _ = played(ModelReply(content=({"type": "text", "text": "Let me th"},), stop="max_tokens"), hand_off())
    assert "cut off before it used a tool" in driver.calls[1].messages[-1].content[0]["text"]


def test_thinking_goes_back_unchanged() -> None:
    thinking = {"type": "thinking", "thinking": "", "signature": "s\u200big"}
    thought = ModelReply(content=(thinking, {"type": "text", "text": " "}, *use("Read").content), stop="tool_use")
    _, driver, _ = played(thought, hand_off())
    assert driver.calls[1].messages[1].content == (thinking, *use("Read").content)


def test_ids_that_are_empty_or_twice_are_told_apart() -> None:
    twice = ModelReply(
        content=(*use("Read", "").content, *use("Read", "x").content, *use("Glob", "x").content), stop="tool_use"
    )
    reply, driver, _ = played(twice, hand_off())
    assert reply.type == "proposal"
    assert [ask.use.id for ask in driver.asks if ask.kind is AskKind.MAY][:3] == ["use_0", "x", "use_2"]


def test_an_input_that_is_no_object_is_still_a_use() -> None:
    odd = ModelReply(content=({"type": "tool_use", "id": "a", "name": "Read", "input": "train.py"},), stop="tool_use")
    _, driver, _ = played(odd, hand_off())
    assert driver.asks[1].use.input == {"malformed": "train.py"}


def test_an_answer_with_hundreds_of_uses_is_served_up_to_a_bound() -> None:
    many = uses(*[("Read", {})] * 200)
    _, driver, hands = played(many, hand_off())
    assert len(hands.used) == role_graph.MOST_USES
    assert len(driver.calls[1].messages[-1].content) == 200


def test_the_model_is_told_when_its_calls_run_out() -> None:
    _, driver, _ = played(use("Read"), turns=4)
    notes = [call.messages[-1].content[-1].get("text", "") for call in driver.calls]
    assert ["left in this step: 2" in note for note in notes] == [False, False, True, False]
    assert "left in this step: 1" in notes[3]


def test_results_of_the_driver_are_cleaned_and_capped() -> None:
    _, driver, _ = played(
        use("Ledger"), hand_off(), refuses=lambda ask: "\x1b[31mred\u202e" + "x" * 5000, result_chars=1000
    )
    text = driver.calls[1].messages[-1].content[0]["content"]
    assert text.startswith("redxxx")
    assert "characters left out" in text
    assert len(text) < 1100


def test_spend_is_summed() -> None:
    paid = [reply.model_copy(update={"spent": Amounts(tokens=5, usd_micro=7)}) for reply in (use("Read"), hand_off())]
    assert played(*paid)[0].spent == Amounts(tokens=10, usd_micro=14)


class TestContext:
    """Old results make room, in steps, and the brief stays."""

    def test_room_is_made_before_the_limit_and_rarely(self) -> None:
        long = FakeHands(lambda use: "word " * 2000)

        def reader(call: Any) -> ModelReply:
            return counted(use("Read", file_path="x"), len(call.model_dump_json()) // 4)

        reply, driver, _ = played(*[reader] * 40, hand_off(), hands=long, context_tokens=30_000, output_tokens=1000)
        assert reply.type == "proposal"
        sizes = [len(call.model_dump_json()) // 4 for call in driver.calls]
        assert max(sizes) + 1000 <= 30_000
        grown = [
            call.messages[: len(before.messages)] == before.messages
            for before, call in zip(driver.calls, driver.calls[1:], strict=False)
        ]
        assert grown.count(False) <= 6, "the prefix changed with almost every call"
        assert grown.count(False) >= 2
        last = driver.calls[-1].messages
        assert last[0].content[0]["text"] == "improve it"
        assert "10000 characters were left out" in last[2].content[0]["content"]
        assert last[-1].content[0]["content"] == "word " * 2000

    def test_a_server_that_counts_nothing_is_counted_for(self) -> None:
        long = FakeHands(lambda use: "word " * 2000)
        reply, driver, _ = played(
            *[use("Read")] * 30, hand_off(), hands=long, context_tokens=30_000, output_tokens=1000
        )
        assert reply.type == "proposal"
        assert max(len(call.model_dump_json()) for call in driver.calls) < 30_000 * 6

    def test_what_can_never_fit_is_a_failure(self) -> None:
        reply, _, _ = played(use("Read"), hands=FakeHands(), context_tokens=200, output_tokens=50)
        assert "does not fit into 200 tokens" in reply.failed

    def test_long_inputs_make_room_too(self) -> None:
        def writer(call: Any) -> ModelReply:
            return counted(use("Write", file_path="a", content="x" * 9000), len(call.model_dump_json()) // 4)

        reply, driver, _ = played(*[writer] * 30, hand_off(), context_tokens=20_000, output_tokens=1000)
        assert reply.type == "proposal"
        assert "9000 characters were left out" in driver.calls[-1].messages[1].content[0]["input"]["content"]


@pytest.mark.parametrize(
    ("tool", "produces", "kind"),
    [
        ("hand_off_proposal", ("proposal", "memo"), "proposal"), ("memo", ("proposal", "memo"), "memo"),
        ("hand_off_big_memo", ("memo", "big-memo"), "big-memo"), ("decline", ("proposal",), ""),
    ],
)  # fmt: skip
def test_a_handoff_tool_names_its_payload(tool: str, produces: tuple[str, ...], kind: str) -> None:
    assert handed_type(tool, produces) == kind


def test_it_is_a_graph() -> None:
    drawn = role_graph.compiled().get_graph()
    edges = {(edge.source, edge.target) for edge in drawn.edges}
    assert {("think", "act"), ("act", "think"), ("act", "hand_off"), ("hand_off", "__end__")} <= edges
