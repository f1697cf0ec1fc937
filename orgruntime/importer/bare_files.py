"""Which files a run may change and which are the judge's. Reads words; looks at which files are there.

Works on prose clause by clause. Invariant: a file is editable only where words allow it and none forbids it; what is
said of one part of a file is a question, because only whole files can be frozen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from orgruntime.importer.bare_facts import Answer, Evidence, Fact, Question, Topic, stated
from orgruntime.importer.bare_prose import QUOTED, Prose, Sentence

_FILE = re.compile(
    r"(?<![\w./@-])(?P<path>(?:[\w.-]+/)*[\w*-]+\.(?:py|toml|ya?ml|json|jsonc|ini|cfg|txt|sh|c|cc|cpp|h|hpp|cu|java|kt|rs|go"
    r"|js|ts|tsx|jl|R|rb|sql|ipynb|csv|tsv|md|lua|swift|zig|v|sv)|(?:[\w.-]+/)+\*?)(?![\w/-])"
)
_EDIT = (
    r"(?:edit(?:s|ed|ing)?|modif(?:y|ies|ied|ying)|chang(?:e|es|ed|ing)|touch(?:es|ed|ing)?|alter(?:ed)?|rewrite|hack"
    r"|tweak|writ(?:e|es) to)"
)
_FORBIDS = re.compile(
    r"\b(?:do not|don't|don’t|never|must not|mustn't|may not|cannot|can not|can't|can’t|not allowed to|should not"
    rf"|shouldn't|no need to|forbidden to|not be|not to be|without)\s+(?:\w+\s+){{0,2}}?{_EDIT}\b"
    r"|\bread[- ]only\b|\bfrozen\b|\boff[- ]limits\b|\bhands off\b|\bnot (?:editable|yours)\b"
    r"|\bstays? (?:fixed|as it is)\b|\b(?:is|are) (?:fixed|the judge|immutable|given)\b"
    r"|\bleave\b.{0,40}\b(?:alone|untouched)\b",
    re.IGNORECASE,
)
_ALLOWS = re.compile(
    rf"\b{_EDIT}\b|\beditable\b|\bfair game\b|\b(?:is|are) yours\b|\bonly file (?:you|the agent|that)\b|\bfree to\b"
    r"|\bin scope\b",
    re.IGNORECASE,
)
_LEAD_FORBIDS = re.compile(
    r"\b(?:can ?not|can't|can’t|must not|may not|do not|don't|never|not allowed|forbidden|off[- ]limits|frozen"
    r"|read[- ]only|out of scope|no-go|hard constraints|prohibited)\b",
    re.IGNORECASE,
)
_CLAUSES = re.compile(
    r";|\s[—–]\s|\s-\s|,?\s+\bbut\b|,?\s+\bwhile\b|,?\s+(?:and|or)?\s*(?=\b(?:never|do not|don't|must not)\b)"
    r"|(?<=[^.]),\s+(?=\w+\s+(?:is|are)\b)"
)
_PART = re.compile(
    r"\b(?:section|block|region|part)s?\b|`[A-Za-z_]\w*`(?: \w+)? (?:in|of|from) `?[\w/]+\.\w"
    r"|\b(?:below|above|between|after) the\b"
    r"|\bonly (?:the|its) \w+ (?:function|class|method|constants?)\b"
    r"|\b(?:function|class|method|constants?|hyperparameters?) (?:in|of|at the top of)\b",
    re.IGNORECASE,
)
_EXCEPT = re.compile(
    r"\b(?:everything|anything|all files?|every file|any file)\b.{0,30}\b(?:except|but|other than|besides)\b",
    re.IGNORECASE,
)
_OWN = ("program.md", "readme.md", "results.tsv", "results.csv", "run.log")
_OWN_SUFFIXES = (".log", ".tsv", ".md", ".csv")


@dataclass
class _Told:
    """What the words say of each file, with the places."""

    editable: dict[str, list[Evidence]] = field(default_factory=dict)
    frozen: dict[str, list[Evidence]] = field(default_factory=dict)
    parts: dict[str, list[Evidence]] = field(default_factory=dict)
    """File → where a part of it may change."""
    fixed_parts: dict[str, list[Evidence]] = field(default_factory=dict)
    """File → where a part of it must not."""


@dataclass(frozen=True)
class Files:
    editable: Answer
    frozen: Fact | None


def find_files(prose: Prose, root: Path, script: str | None) -> Files:
    """`script` is what one run runs: named in the question where no words say what may change."""
    told = _told(prose)
    doubted = told.editable.keys() | told.parts.keys()
    frozen = {name: seen for name, seen in told.frozen.items() if name not in doubted and _is_there(root, name)}
    fact = stated(Topic.FROZEN, tuple(frozen), _places(frozen)) if frozen else None
    return Files(_editable(told, root, script), fact)


def _editable(told: _Told, root: Path, script: str | None) -> Answer:
    names = tuple(told.editable)
    seen = _places(told.editable)
    both = [name for name in names if name in told.frozen]
    missing = [name for name in names if not _is_there(root, name)]
    if told.parts:
        text = (
            "which whole files may change? The words allow a part of a file, and a run can only hold whole files frozen"
        )
        return Question(Topic.EDITABLE, text, _places(told.parts)[:3])
    if both:
        places = tuple(place for name in both for place in told.editable[name] + told.frozen[name])
        return Question(Topic.EDITABLE, f"may `{both[0]}` change? The words say both", places[:4])
    if missing:
        text = f"which files may change? The words name `{missing[0]}`, which is not in the folder"
        return Question(Topic.EDITABLE, text, seen)
    if not names:
        like = f", such as `{script}`" if script and (root / script).is_file() else ""
        return Question(Topic.EDITABLE, f"which files may a proposal change{like}? No sentence says it")
    return stated(Topic.EDITABLE, tuple(_pattern(root, name) for name in names), seen)


def _places(told: dict[str, list[Evidence]]) -> tuple[Evidence, ...]:
    return tuple(dict.fromkeys(places[0] for places in told.values()))


def _is_there(root: Path, name: str) -> bool:
    if "*" in name:
        return any(True for _ in root.glob(name))
    return (root / name).exists()


def _pattern(root: Path, name: str) -> str:
    return f"{name.rstrip('/')}/*" if (root / name).is_dir() else name


def _told(prose: Prose) -> _Told:
    told = _Told()
    for sentence in prose.sentences:
        for clause in _CLAUSES.split(sentence.text):
            _hear(told, prose, sentence, clause.strip())
    for name, places in told.fixed_parts.items():
        if name in told.editable or name in told.parts:
            told.parts.setdefault(name, []).extend(places)
        else:
            told.frozen.setdefault(name, places)
    return told


def _hear(told: _Told, prose: Prose, sentence: Sentence, clause: str) -> None:
    says = _polarity(clause, sentence)
    if says is None or (says and _EXCEPT.search(clause)):
        return
    names = list(_files(clause)) or _meant(prose, sentence, clause)
    if names and _PART.search(clause) and _ALLOWS.search(clause):
        for name in names:
            (told.parts if says else told.fixed_parts).setdefault(name, []).append(sentence.evidence)
        return
    place = _place(prose, sentence, names)
    for name in names:
        (told.editable if says else told.frozen).setdefault(name, []).append(place)


def _place(prose: Prose, sentence: Sentence, names: list[str]) -> Evidence:
    """With the sentence before, where that one has the names."""
    before = prose.before(sentence)
    if before is None or any(name in sentence.text for name in names):
        return sentence.evidence
    return Evidence(before.file, before.line, f"{before.text} {sentence.text}"[:QUOTED])


def _polarity(clause: str, sentence: Sentence) -> bool | None:
    """Whether the clause allows (True) or forbids (False) a change; None where it speaks of something else."""
    if _FORBIDS.search(clause):
        return False
    if not _ALLOWS.search(clause):
        return None
    if sentence.lead and _LEAD_FORBIDS.search(sentence.lead):
        return False
    asks = re.search(rf"\b(?:if|when|whether|after|before|each|every time)\b.{{0,30}}{_EDIT}\b", clause, re.IGNORECASE)
    return None if asks and not re.search(r"\b(?:can|may|only|allowed)\b", clause, re.IGNORECASE) else True


def _files(clause: str) -> Iterator[str]:
    for match in _FILE.finditer(clause.replace("`", " ")):
        name = match["path"].removeprefix("./")
        if name.casefold() not in _OWN and not name.casefold().endswith(_OWN_SUFFIXES) and ".." not in name:
            yield name


def _meant(prose: Prose, sentence: Sentence, clause: str) -> list[str]:
    """The files that `it`, or a bare `Do not modify.`, stands for: the nearest ones before it in the same block."""
    before = sentence.text[: max(0, sentence.text.find(clause))]
    if names := list(_files(before)):
        return names[-1:]
    if not re.search(r"\b(?:it|this|that|these|they|them)\b", clause, re.IGNORECASE) and len(clause.split()) > 6:
        return []
    previous = prose.before(sentence)
    return list(_files(previous.text)) if previous else []
