"""Asking people: a question goes to the ledger, a notice to whoever listens, and the step waits if it has to.

Works on one question of one step. Does not know where the answer comes from. Invariants: a question is in the ledger
before anybody waits for it; a step that is taken again asks nothing twice, and finds the answer that came meanwhile.
"""

from __future__ import annotations

from orgruntime.ledger.transaction import Transaction
from orgruntime.model.people import Question, QuestionState, Wish
from orgruntime.runtime.events import EventKind
from orgruntime.runtime.lab import Lab
from orgruntime.runtime.people import shortened


async def ask_people(lab: Lab, wish: Wish) -> Question:
    """The question once it is answered or withdrawn. For a step that holds nothing."""
    question = await put_question(lab, wish)
    return question if question.state is not QuestionState.OPEN else await lab.people.wait(question)


async def put_question(lab: Lab, wish: Wish) -> Question:
    """The question as it stands: asked now, or earlier."""
    question = lab.ledger.question_asked(wish.asked)
    if question is None:

        def change(tx: Transaction) -> None:
            tx.ask_question(wish)

        await lab.board.write(change)
        question = lab.ledger.question_asked(wish.asked)
        assert question is not None
    if question.state is QuestionState.OPEN:
        lab.tell(EventKind.NOTICE, _notice(lab, question), question=question.id, role=question.role)
    return question


def _notice(lab: Lab, question: Question) -> str:
    choices = f" ({' or '.join(question.choices)})" if question.choices else ""
    run = lab.ledger.run().id
    return (
        f"{question.role} asks {question.id}: {shortened(question.text)}{choices}; answer with"
        f' `orgrun answer {run} {question.id} "…"`'
    )
