"""Python files read as syntax: what they print, which limits, seeds and devices they name. Runs nothing.

Works on source text through `ast`. Does not know which number is the metric. Invariant: a file that does not parse is
reported as such, and no name is taken from it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from orgruntime.importer.bare_facts import Evidence
from orgruntime.importer.bare_places import is_readable, read_some

MAX_BYTES = 1 << 20
MAX_FILES = 40
HOLE = "\0"
"""Stands for an expression in a printed line."""

_DURATION = re.compile(
    r"(?:(?:TIME|TRAIN(?:ING)?|WALL(?:_?CLOCK)?|RUN)_?(?:BUDGET|LIMIT)|MAX_?(?:TRAIN(?:ING)?_?)?TIME)"
    r"(?P<unit>_S|_SEC|_SECS|_SECONDS|_M|_MIN|_MINS|_MINUTES|_H|_HOURS)?",
    re.IGNORECASE,
)
_OUTPUT = ("sys.stdout", "sys.stderr", "stdout", "stderr")
_FIELD = re.compile(r"\{[^{}]*\}|%[-+ #0]*\d*(?:\.\d+)?[a-zA-Z]")
_HOME = re.compile(r"~(?:/\S*)?")


@dataclass(frozen=True)
class Printed:
    """One line that the code prints, with a `HOLE` for each expression."""

    text: str
    evidence: Evidence
    surely: bool = True
    """Printed by `print` itself; else handed to some other function."""


@dataclass(frozen=True)
class Code:
    """What the files say together. Seconds."""

    files: tuple[str, ...] = ()
    broken: tuple[Evidence, ...] = ()
    printed: tuple[Printed, ...] = ()
    keys: dict[str, Evidence] = field(default_factory=dict)
    """Names of entries of dictionaries, which a loop may print."""
    budgets: tuple[tuple[float, Evidence], ...] = ()
    seeds: tuple[Evidence, ...] = ()
    seed_options: tuple[Evidence, ...] = ()
    devices: tuple[Evidence, ...] = ()
    homes: tuple[Evidence, ...] = ()
    """Files below the user's home, which a trial in the sandbox does not see."""


def read_code(root: Path, script: str) -> Code:
    """The script and the files of the folder that it imports, directly or not. Paths relative to `root`."""
    waiting, seen, trees, broken = [script], dict[str, None](), list[tuple[str, str, ast.Module]](), list[Evidence]()
    while waiting and len(seen) < MAX_FILES:
        name = waiting.pop(0)
        text = None if name in seen else read_some(root, name, MAX_BYTES)
        if text is None:
            continue
        seen[name] = None
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            broken.append(Evidence(name, getattr(error, "lineno", None) or 1, f"it is not Python: {error}"[:160]))
            continue
        trees.append((name, text, tree))
        waiting += _imported(root, name, tree)
    return _together(tuple(seen), tuple(broken), trees)


def _imported(root: Path, name: str, tree: ast.Module) -> list[str]:
    """Local modules, beside the file or at the root."""
    modules: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules += [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            prefix = node.module or ""
            modules += [prefix, *(f"{prefix}.{one.name}".lstrip(".") for one in node.names)]
    folder = Path(name).parent
    found = []
    for module in modules:
        place = Path(*module.split(".")) if module else None
        for where in (folder, Path()):
            path = where / place.with_suffix(".py") if place else None
            if path is not None and is_readable(root, path):
                found.append(path.as_posix())
    return list(dict.fromkeys(found))


def _together(files: tuple[str, ...], broken: tuple[Evidence, ...], trees: list[tuple[str, str, ast.Module]]) -> Code:
    found = _Visitor()
    for name, text, tree in trees:
        found.file, found.lines = name, text.split("\n")
        found.visit(tree)
    return Code(
        files, broken, tuple(found.printed), found.keys, tuple(found.budgets), tuple(found.seeds),
        tuple(found.seed_options),
        tuple(found.devices), tuple(found.homes),
    )  # fmt: skip


class _Visitor(ast.NodeVisitor):
    def __init__(self) -> None:
        self.file, self.lines = "", list[str]()
        self.printed: list[Printed] = []
        self.keys: dict[str, Evidence] = {}
        self.budgets: list[tuple[float, Evidence]] = []
        self.seeds: list[Evidence] = []
        self.seed_options: list[Evidence] = []
        self.devices: list[Evidence] = []
        self.homes: list[Evidence] = []

    def visit_Call(self, node: ast.Call) -> None:
        name = _called(node)
        if _prints(node, name):
            self._add_printed(node, surely=True)
        elif name != "write" and len(node.args) == 1 and isinstance(node.args[0], ast.JoinedStr):
            self._add_printed(node, surely=False)
        if "seed" in name and node.args and isinstance(node.args[0], ast.Constant):
            self.seeds.append(self._at(node))
        if name in ("device", "to") and node.args and _is_cuda(node.args[0]):
            self.devices.append(self._at(node))
        if name == "dict":
            self.keys |= {word.arg: self._at(node) for word in node.keywords if word.arg}
        if name == "home":
            self.homes.append(self._at(node))
        self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> None:
        for key in node.keys:
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                self.keys.setdefault(key.value, self._at(key))
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.ctx, ast.Store) and isinstance(node.slice, ast.Constant):
            self.keys.setdefault(str(node.slice.value), self._at(node))
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._budget(target, node.value)
        if _is_cuda(node.value):
            self.devices.append(self._at(node.value))
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._budget(node.target, node.value)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._choice(node)

    def visit_If(self, node: ast.If) -> None:
        self._choice(node)

    def _choice(self, node: ast.If | ast.IfExp) -> None:
        """A device that is taken where it is there is none that is needed."""
        before = len(self.devices)
        self.generic_visit(node)
        if "cuda" in ast.unparse(node.test) or isinstance(node, ast.IfExp):
            del self.devices[before:]

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            if node.value == "--seed":
                self.seed_options.append(self._at(node))
            elif _HOME.fullmatch(node.value):
                self.homes.append(self._at(node))

    def _budget(self, target: ast.expr, value: ast.expr) -> None:
        match = _DURATION.fullmatch(target.id) if isinstance(target, ast.Name) else None
        number = _number(value)
        if match and number is not None and number > 0:
            unit = (match["unit"] or "_S").upper()
            scale = {"_M": 60.0, "_H": 3600.0}.get(unit[:2], 1.0)
            self.budgets.append((number * scale, self._at(target)))

    def _add_printed(self, node: ast.Call, *, surely: bool) -> None:
        if any(word.arg == "end" for word in node.keywords):
            return
        text = " ".join(template(one) for one in node.args)
        for line in text.split("\n"):
            if line.strip():
                self.printed.append(Printed(line, self._at(node), surely))

    def _at(self, node: ast.expr) -> Evidence:
        quote = self.lines[node.lineno - 1].strip() if node.lineno <= len(self.lines) else ""
        return Evidence(self.file, node.lineno, quote[:160])


def template(node: ast.expr) -> str:
    """The text of an expression, with a `HOLE` for what only a run can tell."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else HOLE
    if isinstance(node, ast.JoinedStr):
        return "".join(template(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return template(node.left) + template(node.right)
    base = None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        base = node.left
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        base = node.func.value
    if isinstance(base, ast.Constant) and isinstance(base.value, str):
        return _FIELD.sub(HOLE, base.value)
    return HOLE


def _is_cuda(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and re.fullmatch(r"cuda(?::\d+)?", str(node.value)) is not None


def _prints(node: ast.Call, name: str) -> bool:
    """Whether the call writes to the output that a log is made of, and not to a file."""
    if name == "write":
        return isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) in _OUTPUT
    others = [ast.unparse(word.value) for word in node.keywords if word.arg == "file"]
    return name in ("print", "echo") and all(other in _OUTPUT for other in others)


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _number(node: ast.expr) -> float | None:
    """A number, or a product of numbers such as `5 * 60`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return float(node.value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        left, right = _number(node.left), _number(node.right)
        return None if left is None or right is None else left * right
    return None


def names_of(text: str) -> Iterator[str]:
    """Names that stand before a colon or an equals sign and an expression, alone on the line."""
    if match := re.fullmatch(rf"\s*(?P<name>[A-Za-z][\w./@-]*)\s*[:=]\s*{HOLE}\s*", text):
        yield match["name"]
