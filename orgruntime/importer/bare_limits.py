"""How long one run may take: its own time budget, and the time after which it is killed. Reads words and constants.

Works on sentences that speak of one run; what they say of a night, a session or an hour's worth of runs is left
alone. Seconds throughout. Invariant: two different numbers for one thing are a question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from orgruntime.importer.bare_code import Code
from orgruntime.importer.bare_facts import Answer, Evidence, Question, Topic, inferred, stated
from orgruntime.importer.bare_prose import Prose

NEAR = 100
"""Characters before a time that say what it is."""

_COUNTS = {
    word: float(number)
    for number, word in (
        (1, "one"), (2, "two"), (3, "three"), (4, "four"), (5, "five"), (6, "six"), (7, "seven"), (8, "eight"),
        (9, "nine"), (10, "ten"), (12, "twelve"), (15, "fifteen"), (20, "twenty"), (30, "thirty"), (45, "forty-five"),
        (60, "sixty"), (90, "ninety"), (0.5, "half an"), (1, "an"),
    )
}  # fmt: skip
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_TIME = re.compile(
    rf"(?<![\w.])(?P<count>\d+(?:\.\d+)?|{'|'.join(sorted(_COUNTS, key=len, reverse=True))})[ -]*"
    r"(?P<unit>(?-i:[smh])|secs?|seconds?|mins?|minutes?|hrs?|hours?)\b",
    re.IGNORECASE,
)
_IN_WORDS = tuple(
    (re.compile(words, re.IGNORECASE), figures)
    for words, figures in (
        (r"\bthree[- ]quarters of an hour\b", "45 minutes"),
        (r"\b(?:(?:a|one) )?quarter(?: of an|[- ])\s?hour\b", "15 minutes"),
        (r"\b(?:an|one) hour and a half\b|\bone and a half hours\b", "90 minutes"),
        (r"\b(?:(?:a|one)[- ])?half[- ](?:an )?hour\b", "30 minutes"),
        (r"\bhalf a minute\b", "30 seconds"),
    )
)
_AND = re.compile(r"(?:,? and |,? )(?P<count>\d+) ?(?P<unit>(?-i:[sm])|secs?|seconds?|mins?|minutes?)\b", re.IGNORECASE)
_ONE_RUN = re.compile(
    r"\b(?:runs?|running|experiments?|trials?|training|trains?|script|evaluation|attempt|benchmark|budget)\b",
    re.IGNORECASE,
)
_BUDGET = re.compile(
    r"\b(?:budget|fixed|exactly|takes?|taking|lasts?|limited to|capped at|runs? (?:for|in)|trains? for|each|every"
    r"|(?:an?|per) (?:run|experiment|trial)|wall[- ]clock"
    r"|-?(?:minute|second|hour|min) (?:runs?|experiments?|budget|training|trials?))\b",
    re.IGNORECASE,
)
_SESSION = re.compile(
    r"\b(?:overnight|session|night|sleep|in total|total of|altogether|per hour|an hour you|hours? of (?:research|work)"
    r"|the whole|whole (?:run|thing)|every (?:few|\d+) (?:runs|experiments|hours)|startup|start-up|compil\w+|check|wait"
    r"|progress|status|log|ago)\b",
    re.IGNORECASE,
)
_NIGHT = re.compile(r"\b(?:overnight|session|night|sleep|in total|altogether|per hour)\b", re.IGNORECASE)
_CONSEQUENCE = re.compile(
    r"\b(?:kill\w*|time ?-?outs?|times out|timed out|abort\w*|terminat\w+|stop it|fail\w*|crash\w*"
    r"|hard (?:limit|cap|stop))\b",
    re.IGNORECASE,
)
_PAST = re.compile(
    r"(?:\b(?:not|never)(?: \w+){0,2}? (?:finish|end|complet|done|through|over)\w*(?: with)? ?in"
    r"|\b(?:exceed\w*|longer than|more than|over|past|beyond|after|hits?|reach\w*|passes|within)"
    r"|\bhard (?:limit|cap|stop)(?: of| is| at|:)?|\btime ?-?outs?(?: of| is| after| at| to|:| =)?)"
    r"\s*(?:about|around|roughly|the|a|~|≈|>)?\s*$",
    re.IGNORECASE,
)
_AT_MOST = re.compile(
    r"\b(?:max(?:imum|imally)?\.?|at (?:the )?most|up to|(?:no|not|never) (?:\w+ )?(?:more|longer) than"
    r"|time[- ]limit\b[^.;,\d]{0,30}?(?=\s*(?:of|is|[:=])))"
    r"[\s:=]*(?:(?:of|is|time|run ?time|duration|about|around)[\s:=]*)*$",
    re.IGNORECASE,
)
_MOST_AFTER = re.compile(r"\s*(?:max(?:imum)?\b|at (?:the )?most\b|tops\b|or less\b)", re.IGNORECASE)
_RANGE = re.compile(
    r"(?<![\w.-])(?:between\s+(?P<first>\d+(?:\.\d+)?)\s+and|(?P<low>\d+(?:\.\d+)?)\s*(?:-|–|to|or))\s*$", re.IGNORECASE
)
_ANOTHER = re.compile(
    r"\b(?:runs?|ones?|real|full|smoke|quick|long|short|final|trials?|experiments?|training|eval\w*|or)\b",
    re.IGNORECASE,
)
_RATE = re.compile(r"\b(?:in|over|within|per|every|of)\s*(?:about|around|the|an?)?\s*$", re.IGNORECASE)
_LIMIT_AFTER = re.compile(r"[- ]*(?:hard |wall[- ]clock |per-run )*(?:time ?-?out|limit|cap)\b", re.IGNORECASE)
_KILLED = re.compile(
    r"\b(?:kill\w*|time ?-?outs?|times out|timed out|exceed\w*|longer than|hard (?:limit|cap|stop))\b", re.IGNORECASE
)


def find_limits(prose: Prose, code: Code, timeout: tuple[float, Evidence] | None) -> tuple[Answer, Answer | None]:
    """(time budget of one run, time after which it is killed). `timeout`: of the run command itself."""
    kills, budgets = list(_kills(prose)), list(_budgets(prose))
    if timeout is not None:
        kills.append(timeout)
    most = list(_at_most(prose))
    if kills and not budgets:
        budgets = most
    else:
        kills += most
    kill = _one(Topic.KILL_AFTER, kills, "after how long is a run killed")
    budget = _one(Topic.TIME_BUDGET, budgets, "how long does one run take")
    answer = budget if isinstance(budget, Question) else _with_code(budget, budgets, code)
    if not budgets and not code.budgets and kill is not None and not isinstance(kill, Question):
        answer = inferred(Topic.TIME_BUDGET, kill.values, kill.evidence)
    if kills and budgets and not isinstance(kill, Question) and kills[0][0] < budgets[0][0]:
        text = f"after how long is a run killed? {spelled(kills[0][0])} is less than it takes, {spelled(budgets[0][0])}"
        kill = Question(Topic.KILL_AFTER, text, (kills[0][1], budgets[0][1]))
    return answer, kill


def seconds(text: str) -> float:
    """The other way round: `5m` → 300. For texts of `spelled` alone."""
    return float(text[:-1]) * _UNITS[text[-1]]


def spelled(seconds: float) -> str:
    """`5m`, `90s`, `2h`: as front matter takes it."""
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size:g}{unit}"
    return f"{seconds:g}s"


def _with_code(budget: Answer | None, said: list[tuple[float, Evidence]], code: Code) -> Answer:
    """Words and the constants of the code must agree; a constant alone is enough, but only inferred."""
    constants = dict.fromkeys(seconds for seconds, _ in code.budgets)
    places = tuple(place for _, place in code.budgets)
    if len(constants) == 1 and budget is None:
        return inferred(Topic.TIME_BUDGET, (spelled(next(iter(constants))),), places)
    if budget is None:
        values = " or ".join(spelled(one) for one in constants)
        text = (
            f"how long does one run take: {values}?" if constants else "how long does one run take? No sentence says it"
        )
        return Question(Topic.TIME_BUDGET, text, places)
    assert not isinstance(budget, Question)
    if constants and said[0][0] not in constants:
        text = f"how long does one run take? The words say {budget.value}, the code {spelled(next(iter(constants)))}"
        return Question(Topic.TIME_BUDGET, text, (*budget.evidence, *places)[:4])
    agreeing = tuple(place for seconds, place in code.budgets if seconds == said[0][0])
    return stated(Topic.TIME_BUDGET, budget.values, (*budget.evidence, *agreeing)[:3])


def _one(topic: Topic, found: list[tuple[float, Evidence]], question: str) -> Answer | None:
    values = dict.fromkeys(seconds for seconds, _ in found)
    seen = tuple(dict.fromkeys(place for _, place in found))
    if len(values) > 1:
        return Question(topic, f"{question}: {' or '.join(spelled(one) for one in values)}?", seen[:4])
    return stated(topic, (spelled(next(iter(values))),), seen[:3]) if values else None


def _kills(prose: Prose) -> Iterator[tuple[float, Evidence]]:
    """A limit is said with its consequence, in one sentence or in two that follow each other."""
    for sentence in prose.sentences:
        before, text = prose.before(sentence), _in_figures(sentence.text)
        around = f"{sentence.heading} {sentence.lead} {before.text if before else ''} {text}"
        has_consequence = _CONSEQUENCE.search(around) is not None and not _NIGHT.search(text)
        is_own = _CONSEQUENCE.search(text) is not None
        for match in _TIME.finditer(text) if has_consequence else ():
            is_past = is_own and _PAST.search(_before(match, text))
            if is_past or _LIMIT_AFTER.match(text, match.end()):
                yield _seconds(match, text), sentence.evidence


def _at_most(prose: Prose) -> Iterator[tuple[float, Evidence]]:
    """What one run takes at most: when it is killed, unless other words say that; then what it takes."""
    for sentence in prose.sentences:
        text = _in_figures(sentence.text)
        if _ONE_RUN.search(text) and not _SESSION.search(text):
            for match in _TIME.finditer(text):
                if _is_most(match, text):
                    yield _seconds(match, text), sentence.evidence


def _before(match: re.Match[str], text: str) -> str:
    """The last words before it: of a long sentence with many times, all of them for each would take hours."""
    return text[max(0, match.start() - NEAR) : match.start()]


def _is_most(match: re.Match[str], text: str) -> bool:
    return bool(_AT_MOST.search(_before(match, text)) or _MOST_AFTER.match(text, match.end()))


def _budgets(prose: Prose) -> Iterator[tuple[float, Evidence]]:
    for sentence in prose.sentences:
        text = _in_figures(re.sub(r"\([^()]*\)", "", sentence.text))
        if not _ONE_RUN.search(text) or not _BUDGET.search(text) or _KILLED.search(text) or _SESSION.search(text):
            continue
        end = 0
        for match in _TIME.finditer(text):
            between = text[end : match.start()]
            is_next = end == 0 or (_ANOTHER.search(between) and not _RATE.search(between))
            if is_next and not _is_most(match, text):
                yield _seconds(match, text), sentence.evidence
                yield from ((low, sentence.evidence) for low in _low_end(match, text))
            end = match.end()


def _low_end(match: re.Match[str], text: str) -> Iterator[float]:
    """The 5 of `5 to 20 minutes`, in seconds."""
    if low := _RANGE.search(_before(match, text)):
        yield float(low["low"] or low["first"]) * _UNITS[match["unit"][0].casefold()]


def _in_figures(text: str) -> str:
    for words, figures in _IN_WORDS:
        text = words.sub(figures, text)
    return text


def _seconds(match: re.Match[str], text: str) -> float:
    """Of `5 minutes`, and of `1 hour and 10 minutes`."""
    count = match["count"].casefold()
    total = (_COUNTS.get(count) or float(count)) * _UNITS[match["unit"][0].casefold()]
    more = _AND.match(text, match.end())
    smaller = _UNITS[more["unit"][0].casefold()] if more else 0.0
    if more and smaller < _UNITS[match["unit"][0].casefold()]:
        total += float(more["count"]) * smaller
    return total
