"""Check and explain: every fault of orgs and role files, and the pages of the rules. Runs nothing of what it reads.

Invariant: what `check` calls clean, `run` does not refuse for a fault of the folder or for a key that is not set,
except where settings or a baseline took findings away; then their number is told.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from orgruntime.api.errors import UserError
from orgruntime.api.rechecking import Looked, Needs, look
from orgruntime.api.settings import Asked, Settings
from orgruntime.compiler.filereport import PROGRAM, FileReport
from orgruntime.diagnostics.baseline import Sifted
from orgruntime.diagnostics.codes import CODES
from orgruntime.diagnostics.diagnostic import Code, Diagnostic, Findings, Severity, in_order
from orgruntime.diagnostics.nearest import did_you_mean, nearest
from orgruntime.diagnostics.span import Span
from orgruntime.orgfile import disk
from orgruntime.orgfile.source import Reader, read_source

if TYPE_CHECKING:
    from orgruntime.compiler import Compilation
    from orgruntime.model.manifest import Manifest
    from orgruntime.plan.keys import Key

KEY_NOT_SET = Code("ORG504", "key-not-set", Severity.ERROR)
"""The one rule that needs the environment as well as the files, so the compiler cannot check it."""

RULES = {**CODES, KEY_NOT_SET.id: KEY_NOT_SET}

_KEY_PAGE = """\
# ORG504 key-not-set

Error.

## What it does

Refuses a role that is served by a model whose key is not in the environment.

## Why it is bad

The run would pay for its baseline and then find that nobody can propose anything.

## Example

```markdown
| [Researcher](roles/researcher.md) | agent | 1 | claude-opus-5-5 | |
```

with `ANTHROPIC_API_KEY` not set.

## Use instead

Set the variable in the shell that runs `orgrun`, or put a species without a key behind the role:

```sh
orgrun run my-lab --model researcher=search/tpe   # needs: an org called my-lab
```
"""


class Checked(NamedTuple):
    """What was found in all paths. `texts` is for excerpts."""

    files: tuple[FileReport, ...]
    diagnostics: tuple[Diagnostic, ...]
    texts: Mapping[str, str]
    hidden: int = 0
    """Findings that settings took away."""
    asked: bool = False
    """Whether the command line set anything."""
    settings: tuple[str, ...] = ()
    """Settings files that were read."""
    baseline: Sifted | None = None

    @property
    def has_errors(self) -> bool:
        return any(found.severity is Severity.ERROR for found in self.diagnostics)

    @property
    def has_warnings(self) -> bool:
        return any(found.severity is Severity.WARNING for found in self.diagnostics)

    @property
    def counted(self) -> str:
        """`1 org, 4 roles, 2 other files`."""
        kinds = [file.kind for file in self.files]
        words = (("program", "org"), ("role", "role"), ("not-a-role", "other file"))
        parts = [f"{n} {word}{'s' * (n != 1)}" for kind, word in words if (n := kinds.count(kind))]
        return ", ".join(parts) or "no files"


def check_paths(
    paths: Sequence[Path],
    models: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    asked: Asked | None = None,
) -> Checked:
    """Everything that is wrong with orgs, role files and folders of role files.

    `models` stand in for the roles' models, as with `run`. Raises UserError where they name a role that is not there,
    or stand beside paths of which none is an org, and where settings cannot be read. Without `asked`, none are read.
    """
    settings = Settings(asked or Asked(isolated=True), RULES)
    if models and not any(map(is_org, paths)):
        raise UserError("--model needs an org; the paths hold role files only")
    looked = [(path, _looked(path, models or {})) for path in paths]
    variables = os.environ if environ is None else environ
    kept, hidden = Findings(), Findings()
    for path, one in looked:
        judge = settings.judge(path)
        unset = [found for name, found in one.needs if not variables.get(name, "").strip()]
        for found in (*one.diagnostics, *unset):
            judged = judge(found)
            (kept if judged else hidden).keep(judged or found)
    files = {file.path: file for _, one in looked for file in one.files}
    texts = {name: text for _, one in looked for name, text in one.texts.items()}
    return Checked(
        tuple(files.values()), in_order(kept), texts, len(list(hidden)), settings.asked, tuple(settings.used)
    )


def is_org(path: Path) -> bool:
    """Whether the path is to be read as an org: it holds a program, or what looks like a misspelled one."""
    if path.name == PROGRAM:
        return True
    try:
        if disk.exists(path / PROGRAM) or disk.is_link(path / PROGRAM):
            return True
        names = disk.names(path)
    except (OSError, ValueError):
        return False
    if "roles" in names and disk.is_folder(path / "roles"):
        return True
    return nearest(PROGRAM, [name for name in names if name.lower().startswith("prog")]) is not None


def explain(code: str) -> str:
    """The page of a rule, by id or name. Raises UserError with the nearest ones."""
    if code.casefold() in (KEY_NOT_SET.id.casefold(), KEY_NOT_SET.name):
        return _KEY_PAGE
    from orgruntime.compiler import page

    try:
        return page(code)
    except KeyError as error:
        raise UserError(f"{error.args[0]}; `orgrun check` prints the code of each finding") from error


def schema(kind: str) -> str:
    """The JSON Schema of the front matter of `program` or `role`, as text."""
    from orgruntime.compiler.schema import as_text, program_schema, role_schema

    return as_text(program_schema() if kind == "program" else role_schema())


def payload_schema(name: str, org: Path | None) -> str:
    """The JSON Schema of a payload, as text: built in, standard, or one of an org. Raises UserError for an unknown one,
    and for an org with errors."""
    from orgruntime.compiler import compile_org
    from orgruntime.compiler.schema import as_text, payload_schemas
    from orgruntime.model.payload_schema import published

    found = payload_schemas()
    if org is not None:
        manifest = compile_org(org, seal=False).manifest
        if manifest is None:
            raise UserError(f"{org} has errors; `orgrun check {org}` lists them")
        found |= {payload.name: published(payload) for payload in manifest.payloads}
    if name not in found:
        raise UserError(f"no payload is called {name!r}; {did_you_mean(name, found)}".rstrip("; "))
    return as_text(found[name])


def _looked(path: Path, models: Mapping[str, str]) -> Looked:
    """Models that stand in for others change what is needed, so that nothing of before answers then."""
    if models:
        one = _compiled(path, read_source)
        return Looked(one.diagnostics, one.files, one.texts, _needs(one, models))
    return look(path, partial(_compiled, path), partial(_needs, models={}))


def _compiled(path: Path, read: Reader) -> Compilation:
    from orgruntime.compiler import compile_org, read_role_files

    return compile_org(path, read, seal=False) if is_org(path) else read_role_files([path], read)


def _needs(one: Compilation, models: Mapping[str, str]) -> Needs:
    if one.manifest is None:
        return ()
    from orgruntime.api.orgs import with_models
    from orgruntime.plan.keys import needed_keys

    program = next(file.path for file in one.files if file.kind == "program")
    manifest = with_models(one.manifest, models)
    return tuple((key.env, _unset(manifest, key, program, one.texts[program])) for key in needed_keys(manifest))


def _unset(manifest: Manifest, key: Key, program: str, text: str) -> Diagnostic:
    place = _place(manifest, key, program, text)
    return Diagnostic(KEY_NOT_SET.id, KEY_NOT_SET.name, KEY_NOT_SET.severity, place, *_unset_words(key))


def _place(manifest: Manifest, key: Key, program: str, text: str) -> Span:
    """The line of the program that names the species, else the role's file; else its first."""
    lines = text.splitlines()
    words = (key.species, manifest.role(key.role).source or key.species)
    for word in words:
        for number, line in enumerate(lines, 1):
            column = line.find(word)
            if column >= 0:
                return Span(program, number, column + 1, number, column + 1 + len(word))
    return Span(program)


def _unset_words(key: Key) -> tuple[str, str]:
    """(message, help)."""
    if key.server is not None:
        message = f"role `{key.role}` may use the tools of `{key.server}`, which needs {key.env}, and that is not set"
        return message, f"set {key.env}, or take its tools out of `tools:`"
    message = f"role `{key.role}` is served by `{key.species}`, which needs {key.env}, and that is not set"
    return message, f"set {key.env}, or use a species without a key, e.g. `--model {key.role}=search/tpe`"
