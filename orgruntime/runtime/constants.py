"""The knobs of a program: module-level UPPER_CASE constants of Python sources, read from text and written back.

Works on texts only: nothing is imported or run, so hostile code is as safe to read as any. Does not know what a knob
means, nor which values work together.

Invariant: `apply` replaces the bytes of literals and nothing else, so comments and layout stay, and reading the
result gives back the settings that were applied. A constant that cannot be a knob is named in `Knobs.reasons`.

The domain of a knob stands in the comment that trails it: `# 1e-4 .. 3e-2, log` or `# 16 | 24 | 32`, with prose
after a `;`. Without one: a positive float is searched from a tenth to ten times its value, an integer above 1 from a
quarter to four times, both in the logarithm; a boolean takes both values; everything else stays as it is.
"""

from __future__ import annotations

import ast
import io
import math
import re
import threading
import tokenize
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

Value = float | int | bool | str
Settings = dict[str, Value]

_NAME = re.compile(r"[A-Z][A-Z0-9_]*\Z")
_NUMBER = r"[+-]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\s*\.\.\s*({_NUMBER})\s*(?:,\s*(log))?\Z")
_LOOKS_LIKE_RANGE = re.compile(r"[+-]?[\d.]\S*\s*\.\.(?!\.)")
_WORD = re.compile(r"[A-Za-z_][\w.\-/]*\Z")
_WARNINGS = threading.Lock()
"""The filters of warnings are the process's own: two threads that set them at once could leave them set."""
_LARGEST_INTEGER = 2**53
"""Above it a float cannot hold every integer, and samplers work in floats."""


@dataclass(frozen=True)
class Range:
    """Every number from `lo` to `hi`, both included; whole numbers only where `integer`."""

    lo: float
    hi: float
    log: bool
    integer: bool

    def __contains__(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return self.lo <= value <= self.hi and (not self.integer or isinstance(value, int))

    def __str__(self) -> str:
        return f"{self.lo} .. {self.hi}{', log' if self.log else ''}"


@dataclass(frozen=True)
class Choices:
    """One of a few values, all of one type."""

    values: tuple[Value, ...]

    @property
    def is_ordered(self) -> bool:
        """Three or more numbers in rising order: a sampler may treat them as steps of one scale."""
        numeric = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in self.values)
        return numeric and len(self.values) > 2 and list(self.values) == sorted(set(self.values), key=float)

    def __contains__(self, value: object) -> bool:
        return any(type(value) is type(known) and value == known for known in self.values)

    def __str__(self) -> str:
        return " | ".join(map(repr, self.values))


@dataclass(frozen=True)
class Knob:
    """One constant. `domain` None: it can be set by name, but is not searched."""

    name: str
    path: str
    line: int
    value: Value
    domain: Range | Choices | None
    start: int
    """Byte offsets of the literal in the UTF-8 text of the file, end exclusive."""
    end: int


@dataclass(frozen=True)
class Knobs:
    """What `read_knobs` found: the knobs in the order of path and line, and why other constants are none."""

    all: tuple[Knob, ...]
    reasons: tuple[str, ...]
    files: Mapping[str, str]

    @property
    def searchable(self) -> tuple[Knob, ...]:
        return tuple(knob for knob in self.all if knob.domain is not None)

    @property
    def values(self) -> Settings:
        return {knob.name: knob.value for knob in self.all}

    def apply(self, settings: Mapping[str, Value]) -> dict[str, str]:
        """The full new text of each file that changes. A literal that already has the value keeps its spelling.
        Raises KeyError for a name that is no knob, ValueError for a value of another type or one that is not finite."""
        edits: dict[str, list[tuple[Knob, str]]] = {}
        for name, value in settings.items():
            knob = self._named[name]
            if same_value(knob.value, value):
                continue
            edits.setdefault(knob.path, []).append((knob, _literal(knob, value)))
        return {path: _replaced(self.files[path], changes) for path, changes in edits.items()}

    @property
    def around(self) -> dict[str, str]:
        """The files with the literals of all knobs cut out: two programs that differ in constants only agree in it."""
        return {
            path: _replaced(text, [(knob, "") for knob in self.all if knob.path == path])
            for path, text in self.files.items()
        }

    def spelled(self, name: str) -> str:
        """The literal of a knob as it stands in its file."""
        knob = self._named[name]
        return self.files[knob.path].encode("utf-8", "surrogatepass")[knob.start : knob.end].decode()

    def with_literals(self, literals: Mapping[str, str]) -> dict[str, str]:
        """The full new text of each file that changes. Raises KeyError for a name that is no knob."""
        edits: dict[str, list[tuple[Knob, str]]] = {}
        for name, literal in literals.items():
            if literal != self.spelled(name):
                edits.setdefault(self._named[name].path, []).append((self._named[name], literal))
        return {path: _replaced(self.files[path], changes) for path, changes in edits.items()}

    @cached_property
    def _named(self) -> dict[str, Knob]:
        return {knob.name: knob for knob in self.all}


def read_knobs(files: Mapping[str, str]) -> Knobs:
    """Reads the knobs of every `.py` file; never raises for what a file holds."""
    found: dict[str, list[Knob]] = {}
    reasons: list[str] = []
    for path in sorted(files):
        knobs, why_not = _scan(path, files[path])
        reasons += why_not
        for knob in knobs:
            found.setdefault(knob.name, []).append(knob)
    for name, knobs_of_name in found.items():
        if len(knobs_of_name) > 1:
            places = " and ".join(f"{knob.path}:{knob.line}" for knob in knobs_of_name)
            reasons.append(f"{name} is left alone: it is in {places}; give each its own name")
    single = [group[0] for group in found.values() if len(group) == 1]
    return Knobs(all=tuple(single), reasons=tuple(reasons), files=dict(files))


def same_value(old: Value, new: Value) -> bool:
    """1, 1.0 and True are three values."""
    return type(old) is type(new) and old == new


def rounded(value: float, domain: Range) -> float | int:
    """A sampled number as a person would write it (4 significant digits), inside the domain."""
    if domain.integer:
        return int(min(max(round(value), domain.lo), domain.hi))
    return float(min(max(float(f"{value:.4g}"), domain.lo), domain.hi))


@lru_cache(maxsize=256)
def _scan(path: str, text: str) -> tuple[tuple[Knob, ...], tuple[str, ...]]:
    if not path.endswith(".py"):
        return (), (f"{path} is not read for constants: only .py files are",)
    try:
        statements = list(_assignments(_parsed(text.removeprefix("\ufeff")).body))
        comments = _comments(text.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError) as error:
        return (), (f"{path} is not read for constants: it is not valid Python ({_first_line(error)})",)
    lines = _Lines(text)
    last_on_line = {statement.end_lineno: statement for _, statement, _ in statements}
    stores = [name for name, _, _ in statements]
    knobs: list[Knob] = []
    reasons: list[str] = []
    for name, statement, value in statements:
        comment = comments.get(statement.end_lineno or 0, "") if last_on_line[statement.end_lineno] is statement else ""
        where = f"{name} ({path}:{statement.lineno})"
        try:
            if stores.count(name) > 1 or isinstance(statement, ast.AugAssign):
                raise _NoKnob("it is assigned more than once")
            start, end = lines.span(value)
            plain, domain = _domain(_constant(value), comment)
            knobs.append(Knob(name, path, statement.lineno, plain, domain, start, end))
        except _NoKnob as error:
            reasons.append(f"{where} is left alone: {error}")
        except _BadDomain as error:
            reasons.append(f"{where} is not searched: {error}")
            knobs.append(Knob(name, path, statement.lineno, _constant(value), None, start, end))
    return tuple(knobs), tuple(dict.fromkeys(reasons))


def _parsed(text: str) -> ast.Module:
    """Without the parser's advice about the text (a stray backslash, say), which is its author's affair."""
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


class _NoKnob(Exception):
    """Why a constant cannot even be set."""


class _BadDomain(Exception):
    """Why a knob's comment cannot be its domain."""


def _assignments(body: list[ast.stmt]) -> Iterator[tuple[str, ast.stmt, ast.expr]]:
    """The module-level assignments of one UPPER_CASE name, those under `if`, `for`, `try` and `with` included."""
    for statement in body:
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, (ast.AnnAssign, ast.AugAssign)) and statement.value is not None:
            targets, value = [statement.target], statement.value
        else:
            if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                for field in ("body", "orelse", "finalbody"):
                    yield from _assignments(getattr(statement, field, []))
            continue
        for target in targets:
            if isinstance(target, ast.Name) and _NAME.match(target.id):
                yield target.id, statement, value


def _constant(node: ast.expr) -> Value:
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        sign, node = -1 if isinstance(node.op, ast.USub) else 1, node.operand
        if not isinstance(node, ast.Constant) or type(node.value) not in (int, float):
            raise _NoKnob("its value is not a plain number, string or boolean")
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        if value > _LARGEST_INTEGER:
            raise _NoKnob("its value is above 2**53")
        return sign * value
    if isinstance(value, float) and math.isfinite(value):
        return sign * value
    raise _NoKnob("its value is not a plain number, string or boolean")


def _comments(text: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(text, newline=None).readline)
    return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}


def _domain(value: Value, comment: str) -> tuple[Value, Range | Choices | None]:
    """The value in the domain's own type, and the domain. Raises _BadDomain."""
    body = comment.lstrip("#").split(";")[0].strip()
    if _LOOKS_LIKE_RANGE.match(body):
        return _read_range(value, body)
    if "|" in body:
        return _read_choices(value, body)
    return value, _default_domain(value)


def _read_range(value: Value, body: str) -> tuple[Value, Range]:
    match = _RANGE.match(body)
    if match is None:
        raise _BadDomain(f"'{_short(body)}' is not `low .. high` or `low .. high, log`")
    if isinstance(value, (bool, str)):
        raise _BadDomain(f"'{_short(body)}' is a range of numbers and the value is {value!r}")
    lo, hi = (_number(text) for text in match.groups()[:2])
    integer = all(isinstance(number, int) for number in (value, lo, hi))
    if lo >= hi:
        raise _BadDomain(f"in '{_short(body)}' the low end is not below the high end")
    if match[3] and lo <= 0:
        raise _BadDomain(f"'{_short(body)}' is logarithmic and does not start above 0")
    if max(abs(lo), abs(hi)) > (_LARGEST_INTEGER if integer else 1e300):
        raise _BadDomain(f"'{_short(body)}' is too wide")
    plain = value if integer else float(value)
    domain = Range(lo if integer else float(lo), hi if integer else float(hi), bool(match[3]), integer)
    if plain not in domain:
        raise _BadDomain(f"its value {value!r} is not in '{_short(body)}'")
    return plain, domain


def _read_choices(value: Value, body: str) -> tuple[Value, Choices]:
    choices = [_choice(piece.strip(), value) for piece in body.split("|")]
    if any(choice is None for choice in choices):
        raise _BadDomain(f"'{_short(body)}' is not a list of values like `a | b | c`")
    values: list[Value] = [choice for choice in choices if choice is not None]
    numeric = [v for v in (value, *values) if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if len(numeric) == len(values) + 1 and any(isinstance(v, float) for v in numeric):
        value, values = float(value), [float(v) for v in values]
    if len({type(v) for v in values}) > 1:
        raise _BadDomain(f"the values of '{_short(body)}' are not of one type")
    domain = Choices(tuple(dict.fromkeys(values)))
    if value not in domain:
        raise _BadDomain(f"its value {value!r} is not in '{_short(body)}'")
    if len(domain.values) < 2:
        raise _BadDomain(f"'{_short(body)}' holds one value only")
    return value, domain


def _choice(text: str, like: Value) -> Value | None:
    """A literal, or a bare word where the constant is a string. None: neither."""
    if isinstance(like, str) and _WORD.match(text):
        return text
    try:
        match _parsed(text).body:
            case [ast.Expr(value)]:
                return _constant(value)
        return None
    except (SyntaxError, ValueError, RecursionError, MemoryError, _NoKnob):
        return None


def _default_domain(value: Value) -> Range | Choices | None:
    if isinstance(value, bool):
        return Choices((False, True))
    if isinstance(value, int) and 1 < value <= _LARGEST_INTEGER // 4:
        return Range(max(1, value // 4), value * 4, log=True, integer=True)
    if isinstance(value, float) and 1e-300 < value < 1e300:
        return Range(float(f"{value / 10:.6g}"), float(f"{value * 10:.6g}"), log=True, integer=False)
    return None


def _number(text: str) -> float | int:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError as error:
        raise _BadDomain(f"'{_short(text)}' is not a number") from error
    if not math.isfinite(number):
        raise _BadDomain(f"'{_short(text)}' is not finite")
    return number


def _literal(knob: Knob, value: Value) -> str:
    if isinstance(knob.value, float) and type(value) is int:
        value = float(value)
    if type(value) is not type(knob.value):
        raise ValueError(f"{knob.name} is {knob.value!r} and cannot become {value!r}: another type")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{knob.name} cannot become {value!r}: not finite")
    text = repr(value)
    if isinstance(value, str) and text.startswith("'") and '"' not in value:
        return f'"{text[1:-1]}"'
    return text


def _replaced(text: str, changes: list[tuple[Knob, str]]) -> str:
    data = text.encode("utf-8", "surrogatepass")
    for knob, literal in sorted(changes, key=lambda change: change[0].start, reverse=True):
        data = data[: knob.start] + literal.encode() + data[knob.end :]
    return data.decode("utf-8", "surrogatepass")


class _Lines:
    """Byte offsets of a text's lines, as the parser counts them: only \\n, \\r\\n and \\r end a line."""

    def __init__(self, text: str) -> None:
        bom = 3 if text.startswith("\ufeff") else 0
        data = text.encode("utf-8", "surrogatepass")
        self._starts = [bom, *(match.end() for match in re.finditer(rb"\r\n|\r|\n", data))]

    def span(self, node: ast.expr) -> tuple[int, int]:
        if node.end_lineno is None or node.end_col_offset is None:
            raise _NoKnob("its place in the file is not known")
        start = self._starts[node.lineno - 1] + node.col_offset
        return start, self._starts[node.end_lineno - 1] + node.end_col_offset


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:80]
