"""Which number counts, where it is printed, and which way is better. Reads words and code, runs nothing.

Works on prose and on what the code prints. Invariant: a direction comes from words alone, bound to the metric's own
name; two places that disagree are a question, and so is silence, a goal that is told as past or not meant, and a
direction of the number's negative.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from orgruntime.importer.bare_code import HOLE, Code, names_of
from orgruntime.importer.bare_facts import Answer, Evidence, Fact, Question, Topic, inferred, stated
from orgruntime.importer.bare_prose import CodeLine, Prose, Sentence
from orgruntime.model.manifest import Direction

MOST_NAMES = 60
"""Candidates that are looked for in every sentence."""

_GREP = re.compile(
    r"\b(?:grep|rg|egrep)\s+(?:-{1,2}[\w=-]+\s+)*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>\S+))"
)
_LABEL = re.compile(r"\W*(?:(?:the|primary|main) )*metric: `?(?P<name>[A-Za-z][\w./@-]*\w)`?\W*", re.IGNORECASE)
_GREP_WORDS = re.compile(
    r"\bgrep\s+(?:(?:for|out|the|its|log|logs|output|lines?|that|says?|with|in)\s+|`[^`\s]+\.\w+`\s+){0,6}"
    r"`(?P<code>[^`\s]+)`",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z][\w./@-]*[\w]")
_GREPPED = re.compile(
    r"(?:\^|\\s\*?|\(|\s)*(?P<name>[A-Za-z][\w./@-]*\w)(?:\\s[*+]?|\s)*[:=]?(?:\s|\\s[*+]?|\)|\$|\.\*)*"
)
_NOT_METRICS = {
    "commit",
    "git_commit",
    "commit_hash",
    "experiment",
    "experiment_id",
    "run_id",
    "status",
    "description",
    "notes",
    "note",
    "timestamp",
    "date",
    "time",
    "id",
    "hash",
    "error",
}
_RESOURCE = re.compile(r"vram|mem(?:ory)?_|_mb$|_gb$|seconds|_time$|^time_|steps|params|tokens$|_s$", re.IGNORECASE)
"""What a run costs and not what it is worth, by its name."""
_GOAL = re.compile(
    r"\b(?:goal|objective|aim|metric|target|task|score|optimi[sz]e|beat|improve|better|job|want|"
    r"ground truth|judged|keep)\b",
    re.IGNORECASE,
)
_SOUGHT = re.compile(r"\b(?:goal|objective|metric|optimi[sz]e|optimi[sz]ing|judged)\b", re.IGNORECASE)
_FIRST = re.compile(
    r"\b(?:goal|objective|primary|main|only|headline|single) *(?:is|metric|number|score|goal)?\b", re.IGNORECASE
)
_DROP = re.compile(
    r"\b(?:discard|revert|reset|reject|drop|undo|throw|worse|roll(?:ed)? back|restore)\w*\b", re.IGNORECASE
)
_KEEP = re.compile(r"\b(?:keep|kept|advance|accept|commit it|adopt|improv\w+|better|progress|win)\b", re.IGNORECASE)
_NEGATED = re.compile(r"(?:\b(?:not|never|no longer|rather than|instead of|without)|n't)\b[^.,;]{0,25}$", re.IGNORECASE)

_NEGATIVE = (
    r"(?:\b(?:negative|negated|neg|minus|inverse|inverted|reciprocal|complement)\s+(?:of\s+)?(?:the\s+)?|\b1\s*[-−–/]\s*"
    r"|(?:^|(?<=[\s(`]))[-−])"
)
"""What stands before a name that is not meant as it is printed."""
_AIM = r"(?:goal|objective|aim|metric|target|point|concern)"
_PAST = re.compile(
    r"^\W*earlier\b(?! (?:runs?|results?|rows|trials?|experiments?|commits?)\b)"
    r"|^\W*(?:formerly|previously|originally|in the past|at first|initially|historically|once upon)\b"
    r"|(?<!is )(?<!are )(?<!be )\bused to\b"
    rf"|\b(?:old|former|earlier|previous|original) (?:people|teams?|groups?|work|programs?|{_AIM})\b"
    r"|^\W*(?:others|other people|some people)\b|\blast (?:year|month|week|time)\b|\b(?:wanted|went for|aimed|sought)\b"
    r"|\b(?:ignore|forget)(?: about)? (?:the )?(?:low|high|small|larg|minim|maxim)\w*"
    r"|\b(?:is|are|was)(?:n[’']t| not) what\b"
    rf"|\b(?:was|were) (?:once |originally |formerly |previously )?(?:the|our|my|your) {_AIM}\b",
    re.IGNORECASE,
)
_NO_AIM = rf"(?:\b(?:not|never|no longer)\b|n[’']t\b)[^.;:,]{{0,20}}\b{_AIM}\b(?!\s+(?:to|of)\b)"
_NOT_THIS = re.compile(rf"^\W*(?:(?:but|though|however),? )?(?:this|that|it)\b[^.;:,]{{0,20}}?{_NO_AIM}", re.IGNORECASE)

_LOWER = r"(?:lower|smaller|less|fewer|down|decreased|reduced|dropped|below)"
_HIGHER = r"(?:higher|larger|bigger|greater|more|up|increased|raised|above)"
_SUPERLATIVE = (
    r"(?:lowest|smallest|minimal|minimum|minimi[sz](?:e|es|ing))",
    r"(?:highest|largest|greatest|maximal|maximum|maximi[sz](?:e|es|ing))",
)
_VERB = (
    r"(?:lower(?:ing)?|reduc(?:e|es|ing)|decreas(?:e|es|ing)|shrink(?:ing)?|driv(?:e|ing) down|bring(?:ing)? down)",
    r"(?:rais(?:e|es|ing)|increas(?:e|es|ing)|grow(?:ing)?|boost(?:ing)?|driv(?:e|ing) up|push(?:ing)? up)",
)
_WORD = r"(?:(?!(?:and|while|but|or|without|not|if|then)\b)[\w'`/-]+\s+)"
_WORDS, _FEW_WORDS = rf"{_WORD}{{0,4}}?", rf"{_WORD}{{0,2}}?"


@dataclass(frozen=True)
class Hit:
    name: str
    direction: Direction
    sentence: Sentence
    disowned: bool = False
    """Told as what others want, or what was wanted before."""


@dataclass(frozen=True)
class Metric:
    """`name` is empty where it has to be asked."""

    metric: Answer
    printed: Answer | None
    direction: Answer

    @property
    def name(self) -> str:
        return self.metric.value if isinstance(self.metric, Fact) else ""


def find_metric(prose: Prose, readme: Prose, code: Code, header: tuple[str, ...], wanted: Direction | None) -> Metric:
    """The program's words name the metric; those of the `readme` count for its direction. `header`: columns of the log
    of results. `wanted`: what the user says of the direction."""
    grepped = grep_names(prose)
    known = dict.fromkeys([*grepped, *_printed_names(code), *header])
    text = "\n".join(one.text for one in (prose + readme).sentences)
    names = [name for name in known if name.casefold() not in _NOT_METRICS and (name in text or name in grepped)]
    labelled = _labelled(prose)
    names = list(dict.fromkeys([*names[:MOST_NAMES], *labelled])) or _praised(prose)
    hits = list(_hits(prose, names))
    metric = _which(prose, names, hits, grepped, _printed_names(code))
    hits += _hits(readme, names)
    if isinstance(metric, Question):
        return Metric(metric, None, _direction("", hits, None, wanted))
    name = metric.value
    return Metric(metric, _printed(name, grepped, code), _direction(name, hits, _negated(prose + readme, name), wanted))


def grep_names(prose: Prose) -> dict[str, CodeLine]:
    """What the program greps its log for, in order."""
    found: dict[str, CodeLine] = {}
    # Once a sentence, of which every piece of its code has the whole.
    greps = {before: _GREP_WORDS.search(before) for before in {line.before for line in prose.code}}
    for line in prose.code:
        for match in _GREP.finditer(line.text):
            pattern = match["double"] or match["single"] or match["bare"] or ""
            for part in re.split(r"\\?\|", pattern):
                if name := _GREPPED.fullmatch(part):
                    found.setdefault(name["name"], line)
        told, name = greps[line.before], _GREPPED.fullmatch(line.text)
        if told and name and told["code"] == line.text:
            found.setdefault(name["name"], line)
    return found


def _labelled(prose: Prose) -> list[str]:
    """Names in lines such as `Metric: NAME`."""
    found = (_LABEL.fullmatch(one.text) for one in prose.sentences)
    return list(dict.fromkeys(match["name"] for match in found if match))[:MOST_NAMES]


def _praised(prose: Prose) -> list[str]:
    """Names in backticks that words call lowest or highest, where nothing else is known."""
    quoted = dict.fromkeys(line.text for line in prose.code if _NAME.fullmatch(line.text) and "." not in line.text)
    names = [name for name in quoted if name.casefold() not in _NOT_METRICS][:MOST_NAMES]
    return list(dict.fromkeys(hit.name for hit in _hits(prose, names)))


def _printed_names(code: Code) -> list[str]:
    names = [name for one in code.printed for name in names_of(one.text)]
    if any(re.fullmatch(rf"\s*{HOLE}\s*[:=]\s*{HOLE}\s*", one.text) for one in code.printed):
        names += [key for key in code.keys if _NAME.fullmatch(key)]
    return names


def _which(prose: Prose, names: list[str], hits: list[Hit], grepped: dict[str, CodeLine], printed: list[str]) -> Answer:
    if past := [hit for hit in hits if hit.disowned]:
        text = f"which number counts: {_listed(names)}? `{past[0].name}` is told as a goal of before, or as none"
        return Question(Topic.METRIC, text, tuple(hit.sentence.evidence for hit in hits)[:4])
    bound = dict.fromkeys(hit.name for hit in hits)
    if len(bound) > 1:
        first = dict.fromkeys(hit.name for hit in hits if _FIRST.search(hit.sentence.text))
        bound = first if len(first) == 1 else bound
    if len(bound) == 1:
        name = next(iter(bound))
        return stated(Topic.METRIC, (name,), tuple(hit.sentence.evidence for hit in hits if hit.name == name)[:3])
    if len(bound) > 1:
        seen = tuple(hit.sentence.evidence for hit in hits)
        return Question(Topic.METRIC, f"which number counts: {_listed(bound)}? One org has one metric", seen)
    return _sought(prose, names, grepped, printed)


def _sought(prose: Prose, names: list[str], grepped: dict[str, CodeLine], printed: list[str]) -> Answer:
    """Where no words say of a name which way it is better."""
    labels = {match["name"]: one for one in prose.sentences if (match := _LABEL.fullmatch(one.text))}
    if len(labels) == 1:
        return stated(Topic.METRIC, tuple(labels), tuple(one.evidence for one in labels.values()))
    sought = [one for one in prose.sentences if _SOUGHT.search(one.text)]
    goals = [(name, one) for one in sought for name in names if _is_meant(one, name)]
    called = dict.fromkeys(name for name, _ in goals)
    if len(called) == 1:
        name = next(iter(called))
        return inferred(Topic.METRIC, (name,), tuple(one.evidence for _, one in goals)[:3])
    alone = [name for name in grepped if not _RESOURCE.search(name)]
    if not called and len(alone) == 1:
        return inferred(Topic.METRIC, (alone[0],), (grepped[alone[0]].evidence,))
    text = "which number counts? No sentence calls one the lowest, the highest or the goal, and none is grepped for"
    if names:
        text = f"which number counts: {_listed(names)}?"
    elif printed:
        text = f"which number counts: {_listed(dict.fromkeys(printed))}? It is printed, and no sentence speaks of it"
    return Question(Topic.METRIC, text, tuple(one.evidence for _, one in goals)[:3])


def _is_meant(sentence: Sentence, name: str) -> bool:
    """Whether the sentence means the name, and not an English word such as `score`."""
    return f"`{name}`" in sentence.text or ("_" in name and _named((name,)).search(sentence.text) is not None)


def _listed(names: Iterable[str]) -> str:
    listed = [f"`{name}`" for name in names]
    return " or ".join(listed[:6])


def _printed(name: str, grepped: dict[str, CodeLine], code: Code) -> Answer:
    """Where the metric is printed, in a form that a run can read: alone on its line."""
    greps = (grepped[name].evidence,) if name in grepped else ()
    sure = [one for one in code.printed if name in names_of(one.text)]
    if sure:
        make = stated if greps and sure[0].surely else inferred
        return make(Topic.PRINTED, (f"{name}: NUMBER",), (*greps, sure[0].evidence))
    if (name in code.keys) and name in _printed_names(code):
        return inferred(Topic.PRINTED, (f"{name}: NUMBER",), (*greps, code.keys[name]))
    near = tuple(one.evidence for one in code.printed if re.search(rf"\b{re.escape(name)}\b", one.text))
    if near:
        text = f"how is `{name}` read? It is printed, but not as `{name}: NUMBER` alone on a line"
        return Question(Topic.PRINTED, text, near[:3])
    if greps and not code.files:
        return inferred(Topic.PRINTED, (f"{name}: NUMBER",), greps)
    if not code.files:
        text = f"where is `{name}` printed? No code was read, since no Python script is known that one run runs"
        return Question(Topic.PRINTED, text, greps)
    where = f" ({', '.join(code.files[:3])})"
    broken = f"; {code.broken[0].place} {code.broken[0].quote}" if code.broken else ""
    text = f"where is `{name}` printed? No line of the code{where} prints `{name}: NUMBER`{broken}"
    return Question(Topic.PRINTED, text, greps)


def _negated(prose: Prose, name: str) -> Sentence | None:
    """The sentence about the goal in which the number's negative stands, if there is one."""
    own = re.compile(rf"{_NEGATIVE}`?{re.escape(name)}`?(?![\w-])", re.IGNORECASE)
    aims = (one for one in prose.sentences if _GOAL.search(one.text) or any(_said(one.text, name, (name,))))
    return next((one for one in aims if own.search(one.text)), None)


def _direction(name: str, hits: list[Hit], negated: Sentence | None, wanted: Direction | None) -> Answer:
    if wanted is not None:
        return stated(Topic.DIRECTION, (wanted.value,), (Evidence("", 0, f"--direction {wanted.value}"),))
    if not name:
        text = "is the metric better when it is lower or higher? That depends on which number counts"
        return Question(Topic.DIRECTION, text, tuple(hit.sentence.evidence for hit in hits)[:3])
    own = [hit for hit in hits if hit.name == name and not hit.disowned]
    found = dict.fromkeys(hit.direction for hit in own)
    seen = tuple(hit.sentence.evidence for hit in own)
    if negated is not None:
        text = f"is `{name}` better when it is lower or higher, as it is printed? The words speak of its negative"
        return Question(Topic.DIRECTION, text, (negated.evidence, *seen)[:3])
    if len(found) == 1:
        return stated(Topic.DIRECTION, (next(iter(found)).value,), seen[:3])
    if found:
        text = f"is `{name}` better when it is lower or higher? The words say both"
        return Question(Topic.DIRECTION, text, seen)
    return Question(Topic.DIRECTION, f"is `{name}` better when it is lower or higher? No sentence says it")


def _hits(prose: Prose, names: list[str]) -> Iterator[Hit]:
    """Sentences that say which way one of the names is better. A sentence that names none means the one before."""
    named = _named(names)
    here: tuple[str, ...] = ()
    no_aims = {id(prose.before(one)) for one in prose.sentences if _NOT_THIS.search(one.text)}
    for sentence in prose.sentences:
        before, here = here, tuple(dict.fromkeys(named.findall(sentence.text))) if names else ()
        for name in here:
            is_past = id(sentence) in no_aims or _is_disowned(sentence.text, name)
            for direction in _said(sentence.text, name, here):
                yield Hit(name, direction, sentence, is_past)
        if not here and len(before) == 1 and prose.before(sentence):
            for direction in _better(sentence.text):
                yield Hit(before[0], direction, sentence)


def _is_disowned(text: str, name: str) -> bool:
    return bool(_PAST.search(text) or re.search(rf"`?{re.escape(name)}`?[^.;:,]*?{_NO_AIM}", text, re.IGNORECASE))


def _named(names: Iterable[str]) -> re.Pattern[str]:
    """Any of the names, whole."""
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile(rf"(?<![\w./-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w/-])")


def _said(text: str, name: str, here: tuple[str, ...]) -> Iterator[Direction]:
    """Directions that the sentence binds to the name; `here` are the candidates that it names."""
    own = rf"`?{re.escape(name)}`?"
    for direction, superlative, verb in zip(Direction, _SUPERLATIVE, _VERB, strict=True):
        if _found(rf"\b{superlative}\s+{_WORDS}{own}(?![\w-])", text):
            yield direction
        if _GOAL.search(text) and _found(rf"\b{verb}\s+(?!(?:is|in|of|are|by)\b){_FEW_WORDS}{own}(?![\w-])", text):
            yield direction
        small = r"(?:low|small|little|few)" if direction is Direction.MINIMIZE else r"(?:high|large|big|great|much)"
        if _found(rf"{own}\b[^.;]{{0,40}}\bas {small}\b|\bas {small} (?:an? )?{own}", text):
            yield direction
        arrow = "↓" if direction is Direction.MINIMIZE else "↑"
        if re.search(rf"{own}\s*\(?\s*{arrow}", text):
            yield direction
    nearest = here == (name,) or re.search(
        rf"{own}\W{{0,4}}\(?(?:\w+\s+){{0,2}}?(?:lower|higher|smaller|larger|less|more)\b", text
    )
    if nearest:
        yield from _better(text)
    yield from _compared(text, own)


def _better(text: str) -> Iterator[Direction]:
    """`lower is better`, in any of its forms."""
    for direction, word, other in ((Direction.MINIMIZE, _LOWER, _HIGHER), (Direction.MAXIMIZE, _HIGHER, _LOWER)):
        joint = r"[`\w\s]{0,30}?\s*(?:is|are|=|means|being|:)\s*(?:always |strictly )?"
        forms = (
            rf"\b{word}\b{joint}(?:better|best|good)\b", rf"\b{other}\b{joint}worse\b",
            rf"\bthe {word}\b[^.;,]{{0,30}},? the better\b",
        )  # fmt: skip
        if any(_found(form, text) for form in forms):
            yield direction


def _compared(text: str, own: str) -> Iterator[Direction]:
    """`keep the commit if NAME is lower`, `if NAME improved (lower)`, `discard when NAME goes up`."""
    keeps, drops = _KEEP.search(text) is not None, _DROP.search(text) is not None
    if keeps == drops:
        return
    for direction, word in ((Direction.MINIMIZE, _LOWER), (Direction.MAXIMIZE, _HIGHER)):
        if _found(rf"{own}(?:\s+[\w']+){{0,3}}?\s*\(?{word}\b(?!\s+(?:is|=|means))", text) or _found(
            rf"\b{word}\s+{own}(?!\s+(?:is|=|means))", text
        ):
            other = Direction.MAXIMIZE if direction is Direction.MINIMIZE else Direction.MINIMIZE
            yield direction if keeps else other


def _found(pattern: str, text: str) -> bool:
    """Whether the words stand there without a negation before them."""
    return any(not _NEGATED.search(text[: match.start()]) for match in re.finditer(pattern, text, re.IGNORECASE))
