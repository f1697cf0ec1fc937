"""The tool `AskHuman`: a question to a person, or an approval. The step leaves its desk until somebody answers, and the
run goes on with other inquiries there.

Works on one use at a time. Does not know where the answer comes from, and does not wait for it. Invariant: a use taken
again, after a wait or whatever death, asks nothing twice and gets the answer that came meanwhile.
"""

from __future__ import annotations

from orgruntime.model.people import (
    APPROVE,
    DECLINE,
    LONGEST_ANSWER,
    LONGEST_QUESTION,
    Question,
    QuestionKind,
    QuestionState,
    Wish,
)
from orgruntime.model.step import Ask
from orgruntime.runtime.asking import put_question
from orgruntime.runtime.calls import Call
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.people import Waits
from orgruntime.runtime.services.inputs import Fields, Refused, quoted, service, source

MOST_CHOICES = 8
_KINDS = (QuestionKind.QUESTION.value, QuestionKind.APPROVAL.value)


async def _answer(lab: Lab, call: Call, fields: Fields, ask: Ask) -> str:
    kind = QuestionKind(fields.word("kind", _KINDS, QuestionKind.QUESTION.value))
    text, choices = fields.text("text", LONGEST_QUESTION), fields.names("choices", MOST_CHOICES)
    if not text:
        raise Refused("ask something in `text`, with what a person needs to know to answer it")
    if len(choices) == 1:
        raise Refused("one choice is none; give two or more, or leave `choices` out")
    wish = Wish(
        asked=source(call, ask),
        inquiry=call.address.inquiry,
        role=call.role.slug,
        kind=kind,
        text=text,
        choices=(APPROVE, DECLINE) if kind is QuestionKind.APPROVAL else choices,
    )
    question = await put_question(lab, wish)
    if question.state is QuestionState.OPEN:
        raise Waits(question)
    return _told(question)


def _told(question: Question) -> str:
    if question.state is QuestionState.WITHDRAWN:
        return f"Nobody answered {question.id}, and nobody will: the question is withdrawn."
    chosen = f" ({question.chosen})" if question.chosen else ""
    return f"{question.person} answers {question.id}{chosen}: {quoted(question.answer, LONGEST_ANSWER)}"


TOOL = service(
    "AskHuman",
    "Ask the people who run this org, and wait for the answer: a `question`, or an `approval` of something that you may"
    " not decide alone. They are not always there, so ask rarely, say all that is needed to answer, and ask nothing"
    " that the ledger or the files can tell you. Files that no proposal can hold are not kept meanwhile.",
    {
        "kind": {"type": "string", "enum": list(_KINDS), "description": "`question` by default."},
        "text": {"type": "string", "maxLength": LONGEST_QUESTION, "description": "What you ask."},
        "choices": {
            "type": "array",
            "items": {"type": "string"},
            "maxItems": MOST_CHOICES,
            "description": "Of a question: the answers to choose from. Left out, any words will do.",
        },
    },
    ("text",),
    _answer,
)
