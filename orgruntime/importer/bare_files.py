"""Which files a run may change and which are the judge's. Reads words; looks at which files are there.

Works on prose clause by clause, and on what stands in brackets by itself. Invariant: a file is editable only where
words allow it and none forbids it; one that stands behind `except`, `not` or a bracket is never taken along with those
before it; what is said of one part of a file is a question, because only whole files can be frozen.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from orgruntime.importer.bare_facts import Answer, Evidence, Fact, Question, Topic, stated
from orgruntime.importer.bare_prose import QUOTED, Prose, Sentence

NEAR = 1000
"""Characters before a file that say what is meant of it, in a clause of any length."""
MOST_PATTERNS = 50
"""Folders and patterns that are held against the frozen files."""

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
    rf"|\b{_EDIT}\s+(?:nothing|no (?:other )?(?:files?|scripts?|code))\b(?! (?:else|more)\b)"
    r"|\bread[- ]only\b|\bfrozen\b|\boff[- ]limits\b|\bout[- ]of[- ](?:bounds|scope)\b|\bforbidden\b"
    r"|\bhands off\b|\bnot (?:editable|yours)\b"
    r"|\bstays? (?:fixed|as it is)\b|\b(?:is|are) (?:fixed|the judge|immutable|given)\b"
    r"|\bleav(?:e|es|ing)\b.{0,40}\b(?:alone|untouched)\b|\bno (?:changes|edits|modifications) (?:to|in|of)\b"
    r"|\bkeep(?:s|ing)?\b.{0,40}\b(?:as (?:it is|they are|is)|unchanged|intact|untouched|fixed|frozen)\b|\bcheating\b"
    rf"|\b(?:must|should|has to|have to) (?:stay|remain)\b|\b(?:avoid(?:ing)?|refrain from) (?:\w+ )?{_EDIT}\b",
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
    r"|(?<=[^.]),\s+(?=\w+\s+(?:is|are)\b)|,\s+(?=`?[\w./-]+\.\w+`? (?:is|stays)\b)"
    r"|,?\s+(?=(?:leaving|keeping|without)\b)|\s+and\s+(?=(?:keep|leave|avoid)\b)"
)
_BRACKETS = re.compile(r"(?<=\s)\((?P<inner>[^()]*)(?:\)|$)")
_MARK = "\0"
"""Stands where a bracket stood."""
_PART = re.compile(
    r"\b(?:section|block|region|part)s?\b|`[A-Za-z_]\w*`(?: \w+)? (?:in|of|from) `?[\w/]+\.\w"
    r"|\b(?:below|above|between|after) the\b"
    r"|\bonly (?:the|its) \w+ (?:function|class|method|constants?)\b"
    r"|\b(?:function|class|method|constants?|hyperparameters?) (?:in|of|at the top of)\b",
    re.IGNORECASE,
)
_EXCEPT = (
    r"except(?:ing)?(?: for)?|excluding|excepted|apart from|aside from|other than|save for|outside(?: of)?|but(?! also)"
)
_AWAY = re.compile(
    rf"\b(?:{_EXCEPT}|besides|not(?! (?:only|just|necessarily)\b)|instead of|rather than)\b", re.IGNORECASE
)
"""Words that what follows is taken out by, where the clause allows a change."""
_SAVED = re.compile(rf"\b(?:{_EXCEPT})\b", re.IGNORECASE)
"""The same, where the clause forbids one."""
_NOTHING = re.compile(r"\b(?:nothing|no (?:other )?files?)\s*$", re.IGNORECASE)
_PARTLY = re.compile(r"\b(?:except(?:ing)?|excluding|apart from|aside from)\b", re.IGNORECASE)
_FILLERS = re.compile(
    r"\b(?:and|or|nor|not|the|for|in|of|to|your|any|both|either|anything|everything|files?|folders?|scripts?|modules?)\b"
    r"|[\s,.:!`*\0]+",
    re.IGNORECASE,
)
_VERB_NEXT = re.compile(rf"\s+(?:to )?{_EDIT}\b", re.IGNORECASE)
_NEW_VERB = re.compile(rf"(?:,|\b(?:you|may|can|should|then|always)\b).*\b{_EDIT}\b", re.IGNORECASE)
_SUBJECT = re.compile(r"editable|fair game|yours|only file|free to|in scope", re.IGNORECASE)
"""Allows what stands before it; a verb allows what stands behind it."""
_PASSIVE = re.compile(r"\b(?:be|is|are|gets?)\s+(?:only\s+)?$", re.IGNORECASE)
_JOINT = re.compile(r"[\s`]*(?:[,&/+;:]|(?:and|or|plus|as well as|but also)\b)", re.IGNORECASE)
_APART = re.compile(
    r"\b(?:which|that|who|import\w*|us(?:e|es|ing)|with|from|keep\w*|leav\w*|if|beats?|via|by|against|when|after|before"
    r"|until|unless|because|since|while|then|read\w*|see|run\w*|check\w*|call\w*|avoid\w*|stays?|unchanged|not|is|are"
    r"|has|have|scor\w*)\b",
    re.IGNORECASE,
)
_READS = re.compile(
    r"\b(?:read|look at|see|study|open|understand|know)\s+(?:the |at |all of |through )?`?$", re.IGNORECASE
)
"""What stands behind it is read, and therefore left as it is."""
MOST_WORDS = 6
"""Between two files of one list: `and the model in`."""
_MORE = re.compile(r"\s*(?:and|or|plus|also|as well as|e\.g\.?|i\.e\.?|namely)\b", re.IGNORECASE)
_OWN = ("program.md", "readme.md", "results.tsv", "results.csv", "run.log")
_OWN_SUFFIXES = (".log", ".tsv", ".md", ".csv")


class _Stands(Enum):
    """What a clause makes of a file that it names."""

    EDITABLE = auto()
    FROZEN = auto()
    DOUBTED = auto()


@dataclass
class _Told:
    """What the words say of each file, with the places."""

    editable: dict[str, list[Evidence]] = field(default_factory=dict)
    frozen: dict[str, list[Evidence]] = field(default_factory=dict)
    parts: dict[str, list[Evidence]] = field(default_factory=dict)
    """File → where a part of it may change."""
    fixed_parts: dict[str, list[Evidence]] = field(default_factory=dict)
    """File → where a part of it must not."""
    doubts: dict[str, list[Evidence]] = field(default_factory=dict)
    """File → words that can be read both ways."""

    def add(self, what: _Stands, name: str, place: Evidence) -> None:
        places = {_Stands.EDITABLE: self.editable, _Stands.FROZEN: self.frozen, _Stands.DOUBTED: self.doubts}[what]
        places.setdefault(name, []).append(place)


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
        places = tuple(dict.fromkeys(place for name in both for place in told.editable[name] + told.frozen[name]))
        return Question(Topic.EDITABLE, f"may `{both[0]}` change? The words say both", places[:4])
    if doubt := _doubt(told, root):
        return doubt
    if missing:
        text = f"which files may change? The words name `{missing[0]}`, which is not in the folder"
        return Question(Topic.EDITABLE, text, seen)
    if not names:
        like = f", such as `{script}`" if script and (root / script).is_file() else ""
        return Question(Topic.EDITABLE, f"which files may a proposal change{like}? No sentence says it")
    return stated(Topic.EDITABLE, tuple(_pattern(root, name) for name in names), seen)


def _doubt(told: _Told, root: Path) -> Question | None:
    """What can be read both ways, and a folder that may change though a file in it must not."""
    for name, places in told.doubts.items():
        if name not in told.editable and name not in told.frozen and _is_there(root, name):
            return Question(
                Topic.EDITABLE,
                f"may `{name}` change? The words can be read both ways",
                tuple(dict.fromkeys(places))[:3],
            )
    wide = [(name, _pattern(root, name)) for name in told.editable]
    for name, pattern in [one for one in wide if "*" in one[1]][:MOST_PATTERNS]:
        places = told.editable[name]
        for fixed, others in told.frozen.items():
            if fnmatchcase(fixed, pattern):
                text = f"which files may change? The words allow `{name}`, and forbid `{fixed}` in it"
                return Question(Topic.EDITABLE, text, tuple(dict.fromkeys((places[0], others[0]))))
    return None


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
        for clause in _clauses(sentence):
            _hear(told, prose, clause)
    for name, places in told.fixed_parts.items():
        if name in told.editable or name in told.parts:
            told.parts.setdefault(name, []).extend(places)
        else:
            told.frozen.setdefault(name, places)
    return told


@dataclass(frozen=True)
class _Clause:
    """`around` is the clause that a bracket stands in, None for what stands in none."""

    sentence: Sentence
    text: str
    before: str
    """What the sentence says before it."""
    around: _Clause | None = None


def _clauses(sentence: Sentence) -> Iterator[_Clause]:
    """The parts of a sentence that allow or forbid by themselves, each with those in its brackets behind it."""
    whole = sentence.text.replace(_MARK, " ")
    inner = [match["inner"] for match in _BRACKETS.finditer(whole)]
    before = ""
    for part in _split(_BRACKETS.sub(_MARK, whole)):
        outer = _Clause(sentence, " ".join(part.replace(_MARK, " ").split()), before)
        yield outer
        for piece in part.split(_MARK)[:-1]:
            before += piece
            for one in _split(inner.pop(0)):
                yield _Clause(sentence, one.strip(), before, outer)
                before += f" {one}"
        before += part.split(_MARK)[-1]


def _split(text: str) -> Iterator[str]:
    """At the ends of clauses; a `but` with nothing behind it but files belongs to what it takes them out of."""
    begin = 0
    for match in _CLAUSES.finditer(text):
        rest = text[match.end() :]
        if match[0].strip(", ") == "but" and (rest.lstrip().startswith("also ") or not _without_files(rest)):
            continue
        yield text[begin : match.start()]
        begin = match.end()
    yield text[begin:]


def _without_files(text: str) -> str:
    """What is left of the words when names of files and what joins them are taken away."""
    return _FILLERS.sub("", _FILE.sub("", text.replace("`", " ")))


def _hear(told: _Told, prose: Prose, clause: _Clause) -> None:
    own, sentence = _polarity(clause.text, clause.sentence), clause.sentence
    around = _polarity(clause.around.text, sentence) if clause.around else None
    says = around if own is None else own
    if says is None:
        return
    named = dict(_files(clause.text))
    names = list(named) or (_meant(prose, clause) if own is not None else [])
    if says and names and _PARTLY.search(clause.text) and not _taken_out(clause.text, named):
        for name in names:
            told.parts.setdefault(name, []).append(sentence.evidence)
        return
    if names and _PART.search(clause.text) and _ALLOWS.search(clause.text):
        for name in names:
            (told.parts if says else told.fixed_parts).setdefault(name, []).append(sentence.evidence)
        return
    place = _place(prose, sentence, names)
    strays = _strays(clause.text) if says else frozenset[int]()
    for name in names:
        what = _stands(clause, says, own, named.get(name))
        at = named.get(name)
        is_stray = what is _Stands.EDITABLE and at in strays
        if is_stray and at is not None and _READS.search(clause.text[max(0, at - 60) : at]):
            continue
        told.add(_Stands.DOUBTED if is_stray else what, name, place)


def _strays(text: str) -> frozenset[int]:
    """Where files begin that a clause that allows names beside what it allows: `edit a.py with the data of b.py`."""
    places = [(match.start(), match.end()) for match in _FILE.finditer(text.replace("`", " "))]
    verb = _ALLOWS.search(text)
    start, end = verb.span() if verb else (0, 0)
    before = [place for place in places if place[0] < start]
    behind = [place for place in places if place[0] >= start]
    found = {at for group in (before, behind) for (_, over), (at, _) in pairwise(group) if not _joins(text[over:at])}
    takes_before = verb is None or _SUBJECT.search(verb[0]) or _PASSIVE.search(text[max(0, start - 12) : start])
    if found & {at for at, _ in before} or (behind and not takes_before):
        found |= {at for at, _ in before}
    if before and behind and takes_before and not _joins(text[end : behind[0][0]]):
        found.add(behind[0][0])
    return frozenset(found)


def _joins(between: str) -> bool:
    """Whether the words make one list of the files on both sides, or begin anew."""
    rest = between[-NEAR:]
    if not _without_files(rest) or _ALLOWS.search(rest):
        return True
    return bool(_JOINT.match(between)) and len(rest.split()) <= MOST_WORDS and not _APART.search(rest)


def _taken_out(text: str, named: dict[str, int]) -> bool:
    """Whether a file stands behind the exception, or the exception comes first."""
    match = _PARTLY.search(text)
    return match is None or any(at > match.end() for at in named.values())


def _stands(clause: _Clause, says: bool, own: bool | None, at: int | None) -> _Stands:
    """What the clause makes of the file that stands at `at`; None: it is meant and not named."""
    plain = _Stands.EDITABLE if says else _Stands.FROZEN
    if at is None:
        return plain
    cue = _cue(clause.text, says, at)
    if cue and not (says and _NOTHING.search(clause.text[max(0, cue.start() - 20) : cue.start()])):
        return _behind(cue, clause.text[cue.end() : at], plain)
    is_beside = says and own is None and clause.around is not None and any(_files(clause.around.text))
    return _Stands.DOUBTED if is_beside and not _MORE.match(clause.text) else plain


def _cue(text: str, says: bool, at: int) -> re.Match[str] | None:
    """The last word before the file that takes it out, if one is near."""
    cues = _cues(text, says)
    index = bisect_right(cues, at, key=lambda cue: cue.end()) - 1
    return cues[index] if index >= 0 and at - cues[index].end() <= NEAR else None


@lru_cache(maxsize=4)
def _cues(text: str, says: bool) -> tuple[re.Match[str], ...]:
    """Once a clause, of which every file asks."""
    return tuple((_AWAY if says else _SAVED).finditer(text))


def _behind(cue: re.Match[str], between: str, plain: _Stands) -> _Stands:
    """Of a file that stands behind `except` or `not`, with these words between them."""
    if not _without_files(_VERB_NEXT.sub("", between, count=1) if _VERB_NEXT.match(between) else between):
        if cue[0].casefold() == "besides":
            return _Stands.DOUBTED
        return _Stands.FROZEN if plain is _Stands.EDITABLE else _Stands.EDITABLE
    is_new = _NEW_VERB.search(between) or (cue[0].casefold() == "not" and re.search(_EDIT, between, re.IGNORECASE))
    return plain if is_new else _Stands.DOUBTED


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


def _files(clause: str) -> Iterator[tuple[str, int]]:
    """(name, where it begins) of each file that is a run's matter."""
    for match in _FILE.finditer(clause.replace("`", " ")):
        name = match["path"].removeprefix("./")
        if name.casefold() not in _OWN and not name.casefold().endswith(_OWN_SUFFIXES) and ".." not in name:
            yield name, match.start()


def _meant(prose: Prose, clause: _Clause) -> list[str]:
    """The files that `it`, or a bare `Do not modify.`, stands for: the nearest ones before it in the same block."""
    if names := [name for name, _ in _files(clause.before)]:
        return names[-1:]
    says_it = re.search(r"\b(?:it|this|that|these|they|them)\b", clause.text, re.IGNORECASE)
    if not says_it and len(clause.text.split()) > 6:
        return []
    previous = prose.before(clause.sentence)
    return [name for name, _ in _files(previous.text)] if previous else []
