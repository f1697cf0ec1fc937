"""Role files: anybody's is read, and each repair is said. Knows the shapes in the wild, nothing of the program.

Invariant: the slug comes from the path and exists however broken the file is, so that references to it still resolve.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from orgruntime.compiler import reading_rules
from orgruntime.compiler.called import Called, called_in
from orgruntime.compiler.dialects import TOLERANCE
from orgruntime.compiler.filereport import Part
from orgruntime.compiler.nodes import kind_of
from orgruntime.compiler.rolevalues import denied_of, models_of, report_cut, report_keys, text_of, tools_of
from orgruntime.compiler.text_rules import judge_text
from orgruntime.diagnostics.diagnostic import Diagnostic, Findings, Severity
from orgruntime.diagnostics.pattern import pattern
from orgruntime.diagnostics.span import Span
from orgruntime.orgfile.disk import digest, noted
from orgruntime.orgfile.document import Document, parse_document
from orgruntime.orgfile.frontmatter import missed
from orgruntime.orgfile.recall import recall
from orgruntime.orgfile.source import Reader, Source, read_source
from orgruntime.orgfile.tree import MapNode, ScalarNode

if TYPE_CHECKING:
    from orgruntime.compiler.hints import Hints
    from orgruntime.model.manifest import RoleKind

_EXAMPLES = pattern(r"<example>|\\n(?![a-z])")
"""Where the words for people end. The second is a line end that was written as two characters, not a `C:\\new`."""
_OPENING = 4_096
"""Characters in which the first heading and paragraph are looked for: markdown costs 2 s a megabyte."""


class RoleFile(NamedTuple):
    slug: str
    shown: str
    """Path as it is shown in diagnostics."""
    name: str
    description: str = ""
    usage: str = ""
    """The rest of the description, from its first example on."""
    body: str = ""
    tools: tuple[ScalarNode, ...] | None = None
    """Asked for; None where the file does not say."""
    denied: tuple[ScalarNode, ...] = ()
    """Held back by the file itself."""
    model: tuple[ScalarNode, ...] = ()
    """Wished for; it is never a grant."""
    hinted: Hints | None = None
    """What stands under `org:`; None where nothing does."""
    sha256: str = ""
    text: str = ""
    has_front_matter: bool = False
    broken: bool = False
    keys: tuple[str, ...] = ()
    """Of the front matter, as they are written."""
    why: str = ""
    """Why a file without front matter is taken for none: what stands there instead."""
    called: tuple[Called, ...] = ()
    """Roles that it names in keys of other programs."""
    places: tuple[str, ...] = ()
    """What stands in double braces in the words, where the file has inputs."""
    end: int = 0
    """The last line, where there are no words above it."""
    found: tuple[Diagnostic, ...] = ()
    """What is to be said of the file, whatever it is part of. `keep_found` says it."""

    @property
    def hints(self) -> Hints:
        return _no_hints() if self.hinted is None else self.hinted

    @property
    def document(self) -> Document | None:
        """The whole file, parsed once more: few ask for it. None where its bytes are no text."""
        return _parsed(Source(self.shown, self.text, self.sha256)) if self.sha256 else None

    @property
    def asked(self) -> tuple[ScalarNode, ...] | None:
        """The tools that the file asks for, `org.tools` before `tools`; None where it does not say."""
        return self.tools if self.hinted is None or self.hinted.tools is None else self.hinted.tools

    @property
    def wished_models(self) -> tuple[ScalarNode, ...]:
        """The models that the file wishes for, `org.model` before `model`."""
        return (self.hinted.model if self.hinted else ()) or self.model

    @property
    def outline(self) -> str:
        """All of the file that matters to what is said of others, and of the org as a whole, as one short word.

        Its words are not part of it: no rule reads them, and none reads its description or the names of its keys. Nor
        are its name, its wishes and its hints: see `Part`.
        """
        left_out = self._replace(
            name="", description="", usage="", body="", sha256="", text="", found=(), keys=(), tools=None,
            denied=(), model=(), hinted=None, places=(),
        )  # fmt: skip
        return digest((tuple(left_out), self.first_error if self.broken else bool(self.first_error)))

    @property
    def first_error(self) -> str:
        """Its words; empty where nothing in the file is an error."""
        return next((one.message for one in self.found if one.severity is Severity.ERROR), "")

    @property
    def kind(self) -> RoleKind | None:
        """What the file says that the role is."""
        return self.hints.kind


def read_role(path: Path, shown: str, slug: str, read: Reader = read_source) -> RoleFile:
    """The role in a file. Where it cannot be read, the role is still there. Nothing is reported yet: `keep_found`."""
    own = Findings()
    file, part = role_in(read(path, shown, own), shown, slug, own)
    noted(("role", str(path), shown, slug), part)
    return file


def role_in(source: Source | None, shown: str, slug: str, own: Findings) -> tuple[RoleFile, Part]:
    """The role in what was read, and what is kept of it; `own`: what was found while it was decoded."""
    if source is None:
        file = RoleFile(slug, shown, slug, broken=True, found=tuple(own))
        return file, _part_of(file)
    file, part = recall(f"role {slug}", source, Findings(), lambda _: _read(source, slug))
    if decoding := tuple(own):
        file = file._replace(found=(*decoding, *file.found))
        part = _part_of(file)
    return file, part


def keep_found(file: RoleFile, findings: Findings) -> None:
    """Reports what was found in the file, which is part of what is looked at."""
    for one in file.found:
        findings.keep(one, of_file=True)
    noted(("kept", file.shown, file.slug), "")


def _read(source: Source, slug: str) -> tuple[RoleFile, Part]:
    own = Findings()
    file = role_of(source, slug, own)._replace(found=tuple(own))
    return file, _part_of(file)


def _part_of(file: RoleFile) -> Part:
    """What is kept of a file, so that it can be seen whether another one in its place changes anything else.

    It is remembered with the file: to make it takes longer than to recall both.
    """
    tools, models = digest((file.tools, file.asked, file.denied)), digest((file.model, file.wished_models))
    hints = digest((file.hinted, file.places)) if file.hinted else ""
    leading = digest((file.hinted.leading, file.places)) if file.hinted and file.hinted.leading else ""
    drawn = f"{file.name} ×{file.hinted.count}" if file.hinted else file.name
    return Part(file.sha256, file.outline, drawn, tools, models, hints, leading, file.found)


@cache
def _no_hints() -> Hints:
    # Most files hint at nothing, and what hints are made of takes longer to import than a file to read.
    from orgruntime.compiler.hints import NONE  # noqa: PLC0415  # see above

    return NONE


def role_of(source: Source, slug: str, findings: Findings) -> RoleFile:
    """The role in a text: a function of path and bytes alone, so that it can be remembered."""
    judge_text(source, findings)
    document = parse_document(source, findings, tolerance=TOLERANCE)
    front = document.front or MapNode(source.span(0, 0), ())
    report_keys(front, findings)
    report_cut(source, front, findings)
    description, usage = _description(front, document, findings)
    why = "" if document.front or document.front_is_broken else _why_none(document, findings)
    body, hinted = document.body, _hints(front, findings)
    return RoleFile(
        slug=slug,
        shown=source.file,
        name=_name(front, document, slug, findings),
        description=description,
        usage=usage,
        body=body,
        tools=tools_of(front, findings),
        denied=denied_of(front, findings),
        model=models_of(front, findings),
        hinted=hinted,
        sha256=source.sha256,
        text=source.text,
        has_front_matter=document.front is not None,
        broken=document.front_is_broken,
        keys=tuple(name.text for name, _ in front.entries),
        why=why,
        called=called_in(front),
        places=_places(body) if hinted is not None and hinted.inputs else (),
        end=0 if body else source.text.count("\n") + 1,
    )


@lru_cache(maxsize=16)
def _parsed(source: Source) -> Document:
    return parse_document(source, Findings(), tolerance=TOLERANCE)


def report_empty(role: RoleFile, findings: Findings) -> None:
    """An agent without words cannot work."""
    if not role.body and not role.broken:
        findings.put(Span(role.shown, role.end, 1, role.end, 2), reading_rules.empty_role.no_words(role.slug))


def slug_of(relative: str) -> str:
    """`team/analyst.md` is `team/analyst`; so are `team/analyst.agent.md` and `team/analyst/AGENTS.md`."""
    slug = relative.removesuffix(".md")
    for suffix in (".agent", ".chatmode", "/AGENTS"):
        if slug.endswith(suffix) and slug != suffix:
            return slug.removesuffix(suffix)
    return slug


def is_by_place(path: Path) -> bool:
    """Whether where a file lies makes it a role: deepagents has `subagents/NAME/AGENTS.md`, often without front matter.
    Any other `AGENTS.md` without front matter may be what a project tells every agent."""
    home = path.absolute().parent.parent
    return path.name == "AGENTS.md" and (home.name == "subagents" or home.parts[-2:] == (".deepagents", "agents"))


def _hints(front: MapNode, findings: Findings) -> Hints | None:
    """What stands under `org:`, or under `metadata.org` where a format allows no other place."""
    metadata = front.get("metadata")
    node, other = front.get("org"), metadata.get("org") if isinstance(metadata, MapNode) else None
    if node is not None and other is not None:
        findings.put(other.span, reading_rules.unread_value.second_hints())
    node = other if node is None else node
    if node is None:
        return None
    if not isinstance(node, MapNode):
        findings.put(node.span, reading_rules.wrong_type.hints(kind_of(node)))
        return None
    from orgruntime.compiler.hints import read_hints  # noqa: PLC0415  # few files pay for it: see `RoleFile.hints`

    return read_hints(node, findings)


def _places(body: str) -> tuple[str, ...]:
    from orgruntime.compiler.inputs import named_in  # noqa: PLC0415  # as above

    return named_in(body)


def _name(front: MapNode, document: Document, slug: str, findings: Findings) -> str:
    name = text_of(front, "name", findings)
    if name:
        return name
    title, _ = _opening(document)
    if document.front is not None and not document.front_is_broken:
        source = "its first heading" if title else "its path"
        findings.put(document.source.span(0, 0), reading_rules.stand_in.name(source, title or slug))
    return title or slug


def _description(front: MapNode, document: Document, findings: Findings) -> tuple[str, str]:
    """Text before the first example or literal `\\n`, and the rest; else the title, else the first paragraph."""
    text = text_of(front, "description", findings)
    if text:
        first = _EXAMPLES.search(text) if "<example>" in text or "\\n" in text else None
        cut = first.start() if first and text[: first.start()].strip() else len(text)
        return " ".join(text[:cut].split()), text[cut:].strip()
    title = text_of(front, "title", findings)
    node = front.get("title")
    if title and node is not None:
        findings.put(node.span, reading_rules.stand_in.description())
    return title or _opening(document)[1], ""


def _opening(document: Document) -> tuple[str | None, str]:
    """The first heading and the first paragraph of a role's words. Looks no further than a reader would."""
    head = document.body if document.indent else document.source.text[document.body_start : document.body_end]
    if len(head) > _OPENING:
        head = head[: head.rfind("\n", 0, _OPENING) + 1]
    short = Document(Source(document.source.file, head), None, False, 0, len(head))
    return short.title, " ".join(short.lead().split())


def _why_none(document: Document, findings: Findings) -> str:
    """The file has no front matter: says what stands in, and what was perhaps meant as front matter."""
    source = document.source
    at = missed(source, TOLERANCE)
    if at is None:
        findings.put(source.span(0, 0), reading_rules.stand_in.no_front_matter())
        return "it begins with `+++`, and TOML is not read" if source.text.startswith("+++") else ""
    line = source.place(at)[0]
    findings.put(source.span(at, source.line_end(at)), reading_rules.likely_typo.keys_without_fence())
    return f"the keys in line {line} are not enclosed by two lines `---`"
