"""What was found in a bare program: facts with their evidence, and questions where there is none. Plain values.

Knows no file and no rule. Invariant: a fact has at least one piece of evidence; what two places contradict, or no
place says, is a question.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Confidence(StrEnum):
    STATED = "stated"
    """The program's words say it."""
    INFERRED = "inferred"
    """It follows from code, or from words and code together."""


class Topic(StrEnum):
    """What is looked for, in the order in which people are told."""

    RUN = "run"
    METRIC = "metric"
    PRINTED = "printed"
    DIRECTION = "direction"
    EDITABLE = "editable"
    FROZEN = "frozen"
    TIME_BUDGET = "time_budget"
    KILL_AFTER = "kill_after"
    LOG = "log"
    RESULTS = "results"
    SETUP = "setup"
    GPUS = "gpus"


@dataclass(frozen=True)
class Evidence:
    """`file` is relative to the folder that was read; empty: said on the command line."""

    file: str
    line: int
    quote: str

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}" if self.file else "the command line"

    def as_json(self) -> dict[str, Any]:
        return {"file": self.file, "line": self.line, "quote": self.quote}


@dataclass(frozen=True)
class Fact:
    topic: Topic
    values: tuple[str, ...]
    confidence: Confidence
    evidence: tuple[Evidence, ...]

    @property
    def value(self) -> str:
        """As it is shown."""
        return ", ".join(self.values)

    def as_json(self) -> dict[str, Any]:
        return {
            "topic": self.topic.value,
            "values": list(self.values),
            "confidence": self.confidence.value,
            "evidence": [one.as_json() for one in self.evidence],
        }


@dataclass(frozen=True)
class Question:
    """What a person has to answer before the draft is an org."""

    topic: Topic
    text: str
    seen: tuple[Evidence, ...] = ()
    """What was found and does not settle it."""

    def as_json(self) -> dict[str, Any]:
        return {"topic": self.topic.value, "question": self.text, "seen": [one.as_json() for one in self.seen]}


Answer = Fact | Question


def stated(topic: Topic, values: tuple[str, ...], evidence: tuple[Evidence, ...]) -> Fact:
    return Fact(topic, values, Confidence.STATED, evidence)


def inferred(topic: Topic, values: tuple[str, ...], evidence: tuple[Evidence, ...]) -> Fact:
    return Fact(topic, values, Confidence.INFERRED, evidence)


@dataclass(frozen=True)
class Findings:
    """All that was found, each topic once: a fact, a question, or nothing. `remarks` block nothing."""

    facts: tuple[Fact, ...]
    questions: tuple[Question, ...]
    remarks: tuple[str, ...] = ()

    def fact(self, topic: Topic) -> Fact | None:
        return next((one for one in self.facts if one.topic is topic), None)

    def value(self, topic: Topic) -> str | None:
        found = self.fact(topic)
        return found.value if found else None
