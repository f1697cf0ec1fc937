"""Which command is one run, where its output goes, and which commands set the workspace up. Reads words, runs nothing.

Works on the code of a program's prose. Invariant: a command is a fact only when it needs no shell and the words single
it out; otherwise the candidates are shown with a question.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from orgruntime.importer.bare_facts import Answer, Evidence, Question, Topic, stated
from orgruntime.importer.bare_prose import CodeLine, Prose

_PROGRAMS = re.compile(
    r"(?:\S*/)?(?:python[\d.]*|uvx?|poetry|pipenv|pdm|hatch|conda|mamba|pixi|pip3?|bash|sh|make|just|torchrun|accelerate"
    r"|deepspeed|node|npm|npx|pnpm|cargo|go|java|mvn|julia|Rscript|jupyter|papermill|ssh|sbatch|srun|docker)|\.{1,2}/\S*[^\s/]"
)
_REDIRECT = re.compile(
    r"\s+(?:2>&1|&>>?\s*(?P<both>[^\s|;&]+)|\d?>>?\s*(?P<out>[^\s|;&<>]+)|\|\s*tee\s+(?:-a\s+)?(?P<tee>[^\s|;&]+))"
)
_BULLET = re.compile(r"^(?:\d{1,3}[.)]|[-*])?\s*(?:\$ )?\s*")
_OPERATORS = re.compile(r"&&|\|\|?|;|`|\$[({A-Za-z]|<<?|>")
_PLACEHOLDER = re.compile(r"<[A-Za-z][\w -]*>|\{[A-Za-z_]\w*\}|\[[A-Za-z][\w -]*\]|\.\.\.|…")
_VARIABLE = re.compile(r"[A-Za-z_]\w*=\S*")
_TIMEOUT = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[smhd]?)")
_SCRIPT = re.compile(r"[\w./-]+\.(?:py|sh|ipynb|js|ts|jl|R|rb|pl)")
_UNMARKED = re.compile(
    r"(?:^|[\s:])(?P<command>(?:uv|poetry|python3?|bash|sh|\./\S+) [^`>]{1,200}?\s&?>\s?[\w./-]+\.(?:log|txt)"
    r"(?: 2>&1)?)"
)
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SETUP_SCRIPT = re.compile(
    r"(?:^|[_/-])(?:prepare|download|setup|install|fetch|tokeni[sz]e\w*|preprocess|make_data|get_data)"
)
_SETUP_WORDS = re.compile(
    r"(?:uv (?:sync|pip|venv|add)|(?:python\S* -m )?pip3? |poetry install|pdm install|pixi install|npm (?:i|install|ci)"
    r"|conda (?:create|install|env)|make (?:setup|install|data|prepare))\b"
)
_LAUNCH = re.compile(
    r"\b(?:run|runs|launch|launched|execute|start|invoke|evaluate|train|benchmark)\b|^\W*command:", re.IGNORECASE
)
_LABELLED = re.compile(
    r"(?:the )?(?:(?:run|launch|training) )?(?:command|run|launch): (?P<command>\S.*)", re.IGNORECASE
)
_NOT_TOLD = re.compile(
    r"\b(?:ran|people|others|ablations?|previously|earlier|formerly|used to|for (?:example|instance)|optional(?:ly)?)\b"
    r"|\bdebug\w*|\b(?:was|were|been) (?:made|built|prepared|generated|created|run)\b"
    r"|\b(?:not|don[’']t|never|no) (?:\w+ ){0,3}?(?:re-?)?run\b",
    re.IGNORECASE,
)
"""Words beside a command that somebody runs, and that nobody is told to run."""
_OTHER_JOBS = re.compile(
    r"(?:^|[_/-])(?:plot|analy[sz]e|analysis|report|visuali[sz]e|tests?|log|dashboard|loop|agents?|orchestrat\w*|driver|daemon|watch)(?=$|[_-])"
)


@dataclass(frozen=True)
class Command:
    """`text` needs no shell, unless `problem` says why it cannot be run as it stands."""

    text: str
    log: str | None
    timeout_s: float | None
    problem: str
    source: CodeLine

    @property
    def script(self) -> str | None:
        """The file that is run, where it can be told."""
        return script_of(self.text)

    @property
    def is_setup(self) -> bool:
        stem = PurePosixPath(self.script).stem if self.script else ""
        return bool(_SETUP_WORDS.match(self.text) or _SETUP_SCRIPT.search(stem))


def script_of(text: str) -> str | None:
    """`uv run python -u train.py --x` → `train.py`; `python -m pkg.train` → `pkg/train.py`."""
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "-m" and re.fullmatch(r"[A-Za-z_][\w.]*", following):
            return following.replace(".", "/") + ".py"
        if _SCRIPT.fullmatch(word):
            return str(PurePosixPath(word))
    return None


def read_command(line: CodeLine) -> Command | None:
    """The command that a line of code is, or None for what is no command."""
    text = _BULLET.sub("", line.text)
    text, log = _without_redirects(re.sub(r"\s+#\s.*$", "", text))
    text, timeout = _without_wrappers(text)
    first = text.split(" ", 1)[0]
    if not _PROGRAMS.fullmatch(first) and not _VARIABLE.match(first) and not re.match(r"(?:cd|env)\s", text):
        return None
    if " " not in text and not text.startswith("./"):
        return None
    if _VARIABLE.match(first):
        if not _PROGRAMS.fullmatch(_after_variables(text)):
            return None
        text = f"env {text}"
    return Command(text, log, timeout, _problem(text), line)


def _after_variables(text: str) -> str:
    """The program that stands behind `A=1 B=2`."""
    return next((word for word in text.split() if not _VARIABLE.fullmatch(word)), "")


def _without_redirects(text: str) -> tuple[str, str | None]:
    logs = [match["both"] or match["out"] or match["tee"] for match in _REDIRECT.finditer(text)]
    named = [log for log in logs if log and log != "/dev/null"]
    bare = _REDIRECT.sub("", text) if logs else text
    return re.sub(r"\s*&\s*$", "", bare).strip(), named[0] if named else None


def _without_wrappers(text: str) -> tuple[str, float | None]:
    """Without what a run has from its runtime: time limits, the choice of a GPU, going on after a logout."""
    timeout: float | None = None
    while True:
        word, _, rest = text.partition(" ")
        if word in ("nohup", "time") or word.startswith("CUDA_VISIBLE_DEVICES="):
            text = rest.strip()
        elif word == "timeout":
            words = rest.split()
            while words and words[0].startswith("-"):
                words.pop(0)
            limit = _TIMEOUT.fullmatch(words[0]) if words else None
            if limit is None:
                return text, timeout
            timeout = float(limit["number"]) * _SECONDS[limit["unit"]]
            text = " ".join(words[1:])
        else:
            return text, timeout


def _problem(text: str) -> str:
    if match := _PLACEHOLDER.search(text):
        return f"`{match[0]}` in it has to be filled in"
    if re.match(r"(?:ssh|sbatch|srun|docker)\s", text):
        return "it sends the run to another machine, which is the cluster's work"
    if match := _OPERATORS.search(text):
        return f"it needs a shell (`{match[0]}`): put the line in a script of the workspace"
    if text.startswith("cd "):
        return "it changes the folder: put the line in a script of the workspace"
    try:
        shlex.split(text)
    except ValueError:
        return "it has a quote that is not closed"
    return ""


@dataclass(frozen=True)
class Commands:
    """`run` is settled or asked; `log` is where its output went before."""

    run: Answer
    command: Command | None
    setup: tuple[Command, ...]
    untold: tuple[Command, ...] = ()
    """Commands that prepare something, in words that do not tell anybody to run them."""

    @property
    def script(self) -> str | None:
        return self.command.script if self.command else None


def find_commands(prose: Prose, root: Path) -> Commands:
    """One run and the set-up, from the code in the prose. Looks at which scripts `root` has."""
    found = [command for line in (*prose.code, *_unmarked(prose)) if (command := read_command(line))]
    preparing = [one for one in found if one.is_setup and not one.problem]
    untold_in = {before: _NOT_TOLD.search(before) for before in {one.source.before for one in preparing}}
    told = [one for one in preparing if not untold_in[one.source.before]]
    setup = tuple({one.text: one for one in reversed(told)}.values())[::-1]
    told_texts = {one.text for one in told}
    untold = tuple({one.text: one for one in preparing if one.text not in told_texts}.values())
    runs = [one for one in found if not one.is_setup and not _other_job(one)]
    for tier in ([one for one in runs if one.log], [one for one in runs if _LAUNCH.search(one.source.before)]):
        if tier:
            return Commands(*_settled(tier, root), setup, untold)
    names = " or ".join(dict.fromkeys(f"`{one.text}`" for one in runs))
    text = f"which command is one run: {names}?" if names else "which command is one run? The words name none"
    return Commands(Question(Topic.RUN, text, tuple(one.source.evidence for one in runs[:3])), None, setup, untold)


def _unmarked(prose: Prose) -> Iterator[CodeLine]:
    """Commands that a sentence holds without backticks: told by where their output goes, or by the line's label."""
    for one in prose.sentences:
        if match := _UNMARKED.search(one.text):
            yield CodeLine(one.file, one.line, match["command"], one.heading, one.text)
        elif label := _LABELLED.fullmatch(one.text):
            yield CodeLine(one.file, one.line, label["command"].strip("` "), one.heading, one.text)


def _other_job(command: Command) -> bool:
    return bool(command.script and _OTHER_JOBS.search(PurePosixPath(command.script).stem))


def _settled(tier: list[Command], root: Path) -> tuple[Answer, Command | None]:
    evidence = tuple(one.source.evidence for one in tier)
    distinct = {one.text: one for one in reversed(tier)}
    if len(distinct) > 1:
        names = " or ".join(f"`{text}`" for text in reversed(distinct))
        return Question(Topic.RUN, f"which command is one run: {names}?", evidence), None
    command = tier[0]
    if command.problem:
        return Question(Topic.RUN, f"how is `{command.text}` run? {_sentence(command.problem)}", evidence), None
    if command.script and not (root / command.script).is_file():
        text = f"what is run? `{command.text}` names `{command.script}`, which is not in the folder"
        return Question(Topic.RUN, text, evidence), None
    if command.script and command.script.endswith(".ipynb"):
        text = f"which script is one run? `{command.script}` is a notebook, which prints no line that can be read"
        return Question(Topic.RUN, text, evidence), None
    return stated(Topic.RUN, (command.text,), _first_per_place(evidence)), command


def _first_per_place(evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    return tuple({one.place: one for one in reversed(evidence)}.values())[::-1][:3]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
