"""A Paperclip company as a foreign organization: COMPANY.md, TEAM.md, agents/x/AGENTS.md, .paperclip.yaml.

Knows those files, resolves no name but the paths of teams. Invariant: every entry of a team is a hint, also one whose
file is not there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from orgruntime.compiler.called import scalars
from orgruntime.compiler.rolefile import keep_found, read_role
from orgruntime.diagnostics.diagnostic import Findings, Severity
from orgruntime.importer.agents import role_hints
from orgruntime.importer.declared import with_company
from orgruntime.importer.diagrams import beside_roles
from orgruntime.importer.foreign import FileFate, Foreign, ForeignRole, Hint, Way
from orgruntime.importer.gather import Gatherer, safe_slug
from orgruntime.importer.hints import one_line
from orgruntime.importer.names import names_of
from orgruntime.orgfile.document import Document
from orgruntime.orgfile.source import read_source
from orgruntime.orgfile.tree import MapNode, ScalarNode, compose

_SETTINGS = (".paperclip.yaml", ".paperclip.yml")
_KNOWN = {
    "SKILL.md": "a skill; roles have no skills here, so copy its words into the role that needs them",
    "PROJECT.md": "a project; put its work into the queue with `orgrun idea`",
    "TASK.md": "a task; put it into the queue with `orgrun idea`",
    "README.md": "words for people",
    "LICENSE": "the licence: it goes with the roles when you share them",
}
_AGENT = "AGENTS.md"


def read_company(folder: Path) -> Foreign:
    """The company in `folder`. Raises TooMany, OSError."""
    reader = _Company(folder)
    return reader.read()


class _Company:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._gatherer = Gatherer(folder)
        self._teams: list[tuple[str, Document]] = []
        self._company: Document | None = None
        self._settings: list[tuple[str, MapNode]] = []

    def read(self) -> Foreign:
        for relative in self._gatherer.walk(self._folder):
            self._one(relative)
        for relative, settings in self._settings:
            self._apply(relative, settings)
        self._note_skills()
        self._gatherer.note_links()
        gatherer = self._gatherer
        roles = tuple(gatherer.roles.values())
        front = self._company.front if self._company else None
        teams = [hint for relative, team in self._teams for hint in self._team_hints(relative, team)]
        names = names_of(roles)
        hints = (*role_hints(roles, names), *teams, *beside_roles(gatherer, names))
        return Foreign(
            root=self._folder,
            title=_text(front, "name") or self._folder.resolve().name,
            mission=_text(front, "description", 1000),
            goals=tuple(one_line(node.text, 200) for node in scalars(front.get("goals") if front else None)),
            roles=roles,
            hints=hints,
            files=tuple(gatherer.fates[path] for path in sorted(gatherer.fates)),
            notices=tuple(gatherer.notices),
            remarks=gatherer.remarks.sorted(),
        )  # fmt: skip

    def _one(self, relative: str) -> None:
        path = PurePosixPath(relative)
        is_read = path.name in ("COMPANY.md", "TEAM.md") or relative in _SETTINGS
        if is_read and not self._gatherer.stays_inside(relative):
            return
        if path.name == _AGENT and len(path.parts) >= 3 and path.parts[-3] == "agents":
            self._gatherer.role(relative, path.parts[-2], bare=True)
        elif relative in _SETTINGS:
            self._read_settings(relative)
        elif is_read:
            self._document(relative, path)
        else:
            beside = len(path.parts) >= 3 and path.parts[-3] == "agents" and path.suffix == ".md"
            why = "a companion of the role: copy what it needs into the role" if beside else "it is no role"
            self._gatherer.leave(relative, _KNOWN.get(path.name, why))

    def _document(self, relative: str, path: PurePosixPath) -> None:
        findings = Findings()
        # Read as a role file is: with the same repairs, and refused for the same faults.
        file = read_role(self._folder / relative, relative, relative)
        document = file.document
        keep_found(file, findings)
        fault = next((one for one in findings.sorted() if one.severity is Severity.ERROR), None)
        if document is None or fault:
            self._gatherer.refuse(relative, f"it cannot be read: {fault.message if fault else 'no text'}")
            return
        if path.name == "TEAM.md":
            self._teams.append((relative, document))
            self._gatherer.read(relative, "its manager and members are hints; its words are not carried over")
        elif self._company is None or len(path.parts) == 1:
            self._company = document
            self._gatherer.read(relative, "its name, description and goals; its words are not carried over")
        else:
            self._gatherer.leave(relative, "a second company")

    def _read_settings(self, relative: str) -> None:
        findings = Findings()
        source = read_source(self._folder / relative, relative, findings)
        tree = compose(source, 0, len(source.text), findings) if source else None
        agents = tree.get("agents") if tree else None
        if tree is None:
            fault = next(iter(findings.sorted()), None)
            self._gatherer.refuse(relative, f"it cannot be read: {fault.message if fault else 'invalid YAML'}")
            return
        others = [one_line(name.text, 40) for name, _ in tree.entries if name.text not in ("schema", "agents")]
        rest = f"; not read: {', '.join(others)}" if others else ""
        self._gatherer.read(relative, f"the settings of its agents{rest}")
        if isinstance(agents, MapNode):
            self._settings.append((relative, agents))

    def _apply(self, relative: str, agents: MapNode) -> None:
        """What the company's settings say of each role; of a role that is not there it is a notice."""
        for name, value in agents.entries:
            slug = safe_slug(name.text)
            role = self._gatherer.roles.get(slug)
            if role is None:
                shown = one_line(name.text, 60)
                self._gatherer.notice(relative, name.span.line, f"settings for `{shown}`, and there is no such role")
            elif isinstance(value, MapNode):
                self._gatherer.roles[slug] = replace(role, declared=with_company(role.declared, value))
                self._note_command(relative, role, value)

    def _note_command(self, relative: str, role: ForeignRole, settings: MapNode) -> None:
        adapter = settings.get("adapter")
        config = adapter.get("config") if isinstance(adapter, MapNode) else None
        for key in ("command", "args", "env"):
            name = config.key(key) if isinstance(config, MapNode) else None
            if name is not None:
                what = f"`{key}` of `{role.slug}` starts a program elsewhere; nothing here reads it"
                self._gatherer.notice(relative, name.span.line, what)

    def _note_skills(self) -> None:
        """Skills that roles name and the company does not hold."""
        held = {PurePosixPath(path).parent.name for path in self._gatherer.fates if path.endswith("/SKILL.md")}
        missing: dict[str, list[tuple[str, int]]] = {}
        for role in self._gatherer.roles.values():
            front = role.file.document.front if role.file.document else None
            for node in scalars(front.get("skills") if front else None):
                name = one_line(node.text, 60)
                if PurePosixPath(name).name not in held:
                    missing.setdefault(name, []).append((role.path, node.span.line))
        for name, places in missing.items():
            more = f" here and by {len(places) - 1} more" if len(places) > 1 else ""
            self._gatherer.notice(*places[0], f"the skill `{name}` is named{more}, and is not there")

    def _team_hints(self, relative: str, team: Document) -> Iterator[Hint]:
        """The manager asks each member; of an included team, its manager."""
        named = team.front.get("manager") if team.front else None
        manager = self._at(relative, named) if isinstance(named, ScalarNode) and not named.is_null else None
        if isinstance(named, ScalarNode) and not named.is_null and manager is None:
            self._check_there(relative, named)
        for node in scalars(team.front.get("includes") if team.front else None):
            member = self._at(relative, node)
            if member is None and PurePosixPath(node.text.strip()).name in _KNOWN:
                self._check_there(relative, node)
            elif manager is None or member != manager:
                why = "" if member else self._why_missing(relative, node)
                why = why if manager else "the team has no manager that is a role here"
                text = one_line(node.text)
                line = node.span.line
                yield Hint(
                    manager or "", text, Way.ASKS, "includes:", relative, line, text, slug=member, why_not=why
                )  # fmt: skip

    def _at(self, relative: str, node: ScalarNode, depth: int = 0) -> str | None:
        """The role at a path that a team gives; the manager's of a team."""
        target = self._target(relative, node)
        role = next((one for one in self._gatherer.roles.values() if one.path == target), None)
        if role or depth > 8:
            return role.slug if role else None
        if depth == 0 and node.text.strip() in self._gatherer.roles:
            return node.text.strip()
        team = next((document for path, document in self._teams if path == target), None)
        inner = team.front.get("manager") if team and team.front else None
        return self._at(target, inner, depth + 1) if isinstance(inner, ScalarNode) else None

    def _target(self, relative: str, node: ScalarNode) -> str:
        base = PurePosixPath(relative).parent.as_posix()
        return PurePosixPath(os.path.normpath(f"{base}/{node.text.strip()}")).as_posix()

    def _why_missing(self, relative: str, node: ScalarNode) -> str:
        text = node.text.strip()
        if not text:
            return "it names nothing"
        if "://" in text or text.startswith("github:"):
            return "it is in another repository, which was not fetched"
        fate = self._check_there(relative, node)
        return f"that file is no role: {fate.why}" if fate else "there is no such file"

    def _check_there(self, relative: str, node: ScalarNode) -> FileFate | None:
        fate = self._gatherer.fates.get(self._target(relative, node))
        if fate is None:
            shown = one_line(node.text, 80)
            self._gatherer.notice(relative, node.span.line, f"`{shown}` is named and is not there")
        return fate


def _text(front: MapNode | None, key: str, most: int = 120) -> str:
    node = front.get(key) if front else None
    return one_line(node.text, most) if isinstance(node, ScalarNode) and not node.is_null else ""
