"""What words of a foreign log mean: its status words and the names of its columns. Words in, a meaning out.

Does not know rows. Invariant: a word of a crash outweighs every other, a negation turns what it stands before, and what
nobody knows is `other`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from orgruntime.model.history import PastWord

_STATUS = ("status", "decision", "verdict", "outcome", "disposition", "judgement", "judgment", "conclusion")
_LOOSE = ("result", "action", "state")
"""Status columns in some logs, free words in others: no more than `MOST_LOOSE` words count."""
_FLAGS = ("kept", "keep", "accepted", "accept", "adopted", "merged", "improved", "discard")
"""Columns that are answered by yes and no, and often by a status word as well."""
MOST_LOOSE = 3
_COMMIT = (
    "commit", "hash", "sha", "commit_hash", "commit_sha", "commit_id", "git_commit", "git_hash", "git_sha", "revision",
    "experiment_id", "exp_id", "run_id", "trial_id", "id", "run", "exp", "experiment", "trial", "iteration", "iter",
)  # fmt: skip
_FREE = (
    "description", "desc", "notes", "note", "hypothesis", "change", "changes", "idea", "title", "comment", "comments",
    "what", "what_changed", "summary", "details", "remarks", "reason", "message", "experiment_description",
)  # fmt: skip
_METRIC = ("metric", "metric_value", "primary_metric")
_QUALIFIERS = ("val", "valid", "validation", "test", "eval", "dev", "heldout", "final", "mean", "avg", "average")
"""Words beside a metric's name that leave it the metric; `delta`, `best`, `std` and `train` do not."""

_YES = ("yes", "y", "true", "t", "1", "x", "✓", "✔", "✅", "☑")
_NO = ("no", "n", "false", "f", "0", "-", "✗", "✘", "❌", "✖")
_NEGATIONS = ("not", "no", "never", "non", "without", "didn", "didnt", "doesn", "doesnt", "isn", "isnt", "wasn")
_PHRASES = (
    (re.compile(r"\btime(?:d|s)? out\b"), "timeout"),
    (re.compile(r"\bout of (?:\w+ )?memory\b"), "oom"),
    (re.compile(r"\b(?:did not|didn t|didnt|never) (?:finish|run|complete|converge)\w*"), "crash"),
    (re.compile(r"\broll(?:ed|s)? back\b"), "rollback"),
)
_CRASH = re.compile(
    r"crash\w*|fail\w*|err|errors?|errored|o+m|\w*oom|timeouts?|timedout|kill(?:ed|s)?|invalid\w*|nans?|infs?|diverg\w*"
    r"|exceptions?|traceback|segfault\w*|sigkill|sigsegv|abort\w*|broken?|hung|hang|hangs|dnf|infeasible|崩溃|失败|💥"
)
_KNOWN = (
    (PastWord.BASELINE, re.compile(r"baselines?|base|start|reference|initial|基线")),
    (
        PastWord.KEEP,
        re.compile(
            r"keep(?:s|er|ing)?|kept|accept(?:s|ed)?|best|better|improv(?:e|es|ed|ement|ing)|gain(?:s|ed)?|advanc(?:e|ed)"
            r"|merged?|adopt(?:ed)?|win|wins|winner|won|champion|record|sota|promot(?:e|ed)|retain(?:ed)?|confirm(?:ed)?"
            r"|ok|okay|success|successful|succeeded|pass|passed|passes|good|support(?:s|ed)?|tentative(?:ly)?|partial(?:ly)?"
            r"|contender|promising|repair(?:ed)?|fix|fixed|成功|保留|[✓✔✅☑]"
        ),
    ),
    (
        PastWord.DISCARD,
        re.compile(
            r"discard(?:s|ed|ing)?|revert(?:s|ed)?|reject(?:s|ed)?|drop(?:s|ped)?|wors(?:e|ened|t)|rollback|rolledback|undo"
            r"|undone|reset|regress(?:ed|ion|es)?|refut(?:ed|es)|lost|loses|loser|inconclusive|park(?:ed)?|shelved?"
            r"|abandon(?:ed)?|neutral|tied?|same|equal|unchanged|flat|bad|noise|noop|removed?|superseded|declined"
            r"|unsupported|回滚|丢弃|放弃|[✗✘❌✖]"
        ),
    ),
)  # fmt: skip


def meaning(status: str) -> PastWord:
    """What a status stands for: `KEEP`, `keep ✔` and `new_best` are one; so are `DISCARD_OOM` and `crash (oom)`."""
    words = list(_words(status))
    standing = [(word, _is_negated(words, index)) for index, word in enumerate(words)]
    if any(_CRASH.fullmatch(word) for word, negated in standing if not negated):
        return PastWord.CRASH
    for word, negated in standing:
        known = next((known for known, spellings in _KNOWN if spellings.fullmatch(word)), None)
        if known and not negated:
            return known
        if known is PastWord.KEEP:
            return PastWord.DISCARD
    return PastWord.OTHER


def meaning_in(column: str, status: str) -> PastWord:
    """The same of a cell of a column of this name: `yes` below `kept` is a keep."""
    if column in _LOOSE and len(list(_words(status))) > MOST_LOOSE:
        return PastWord.OTHER
    if is_flag(column):
        flag = status.strip().casefold()
        is_no = column == "discard"
        if flag in (_NO if is_no else _YES):
            return PastWord.KEEP
        if flag in (_YES if is_no else _NO):
            return PastWord.DISCARD
    return meaning(status)


def is_flag(column: str) -> bool:
    return column in _FLAGS


def plain_name(name: str) -> str:
    """A column's name: `Val loss (↓)`, `val-loss` and `val_loss` are one, `keep?` is `keep`."""
    bare = re.sub(r"\([^()]*\)|\[[^\[\]]*\]", " ", name) if name.strip()[:1] not in ("(", "[") else name
    apart = re.sub(r"(?<=[a-z]{2})(?=[A-Z][a-z])", "_", bare)
    return re.sub(r"[\W_]+", "_", apart.casefold()).strip("_")


def status_columns(names: list[str]) -> tuple[int, ...]:
    """Where status words stand, the surest column first."""
    ranks = {index: _status_rank(name) for index, name in enumerate(names)}
    return tuple(sorted((index for index in ranks if ranks[index]), key=lambda index: (ranks[index], index)))


def commit_column(names: list[str]) -> int | None:
    return next((names.index(name) for name in _COMMIT if name in names), None)


def metric_column(names: list[str], metric: str) -> int | None:
    """The column of the metric: of its name; else the only one that qualifies its name, else the one called metric."""
    wanted = plain_name(metric)
    if not wanted:
        return None
    if wanted in names:
        return names.index(wanted)
    for like in ([index for index, name in enumerate(names) if _qualifies(name, wanted)], _called_metric(names)):
        if like:
            return like[0] if len(like) == 1 else None
    return None


def is_free(name: str) -> bool:
    return name in _FREE


def is_known_column(name: str) -> bool:
    """Whether a line with such a cell is a header."""
    return bool(_status_rank(name)) or name in _COMMIT or name in _FREE or name in _METRIC


def _status_rank(name: str) -> int:
    """1 is surest; 0: no status column."""
    if name in _STATUS:
        return 1
    if name in _FLAGS:
        return 2
    if {*name.split("_")} & {*_STATUS, "kept", "keep"}:
        return 3
    return 4 if name in _LOOSE else 0


def _qualifies(name: str, wanted: str) -> bool:
    before, found, after = f"_{name}_".partition(f"_{wanted}_")
    rest = [word for word in f"{before}_{after}".split("_") if word]
    return bool(found) and all(word in _QUALIFIERS for word in rest)


def _called_metric(names: list[str]) -> list[int]:
    return [index for index, name in enumerate(names) if name in _METRIC]


def _words(status: str) -> Iterator[str]:
    apart = re.sub(r"(?<=[a-z]{2})(?=[A-Z][a-z])", " ", status)
    text = " ".join(re.findall(r"[^\W_]+|[✓✔✅☑✗✘❌✖💥]", apart.casefold()))
    for phrase, word in _PHRASES:
        text = phrase.sub(word, text)
    yield from text.split()


def _is_negated(words: list[str], index: int) -> bool:
    return any(word in _NEGATIONS for word in words[max(0, index - 2) : index])
