"""Role files: anybody's is read, and each repair is said. Knows the shapes in the wild, nothing of the program.

Invariant: the slug comes from the path and exists however broken the file is, so that references to it still resolve.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from orgruntime.compiler import reading_rules
from orgruntime.compiler.dialects import TOLERANCE
from orgruntime.compiler.fields import Fields, kind_of
from orgruntime.compiler.hint_keys import HINTS
from orgruntime.compiler.hints import Hints, bind_hints
from orgruntime.compiler.rolevalues import denied_of, models_of, report_cut, report_keys, text_of, tools_of
from orgruntime.compiler.text_rules import judge_text
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.pattern import pattern
from orgruntime.diagnostics.span import Span
from orgruntime.model.manifest import RoleKind
from orgruntime.orgfile.document import Document, parse_document
from orgruntime.orgfile.frontmatter import missed
from orgruntime.orgfile.recall import recall
from orgruntime.orgfile.source import Reader, Source, read_source
from orgruntime.orgfile.tree import MapNode, ScalarNode

_EXAMPLES = pattern(r"<example>|\\n(?![a-z])")
"""Where the words for people end. The second is a line end that was written as two characters, not a `C:\\new`."""
_OPENING = 4_096
"""Characters in which the first heading and paragraph are looked for: markdown costs 2 s a megabyte."""


class FileReport(NamedTuple):
    """What a markdown file of the org is: `program`, `role` or `not-a-role`, and why."""

    path: str
    kind: str
    slug: str | None
    why: str


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
    hints: Hints = Hints()
    sha256: str = ""
    text: str = ""
    has_front_matter: bool = False
    broken: bool = False
    document: Document | None = None
    """The whole file; None where its bytes are no text."""
    keys: tuple[str, ...] = ()
    """Of the front matter, as they are written."""
    why: str = ""
    """Why a file without front matter is taken for none: what stands there instead."""

    @property
    def kind(self) -> RoleKind | None:
        """What the file says that the role is."""
        return self.hints.kind


def read_role(path: Path, shown: str, slug: str, findings: Findings, read: Reader = read_source) -> RoleFile:
    """The role in a file. What cannot be read is reported, and the role is still there."""
    source = read(path, shown, findings)
    if source is None:
        return RoleFile(slug, shown, slug, broken=True)
    return recall(f"role {slug}", source, findings, lambda own: role_of(source, slug, own))


def role_of(source: Source, slug: str, findings: Findings) -> RoleFile:
    """The role in a text: a function of path and bytes alone, so that it can be remembered."""
    judge_text(source, findings)
    document = parse_document(source, findings, tolerance=TOLERANCE)
    front = document.front or MapNode(source.span(0, 0), ())
    report_keys(front, findings)
    report_cut(source, front, findings)
    description, usage = _description(front, document, findings)
    why = "" if document.front or document.front_is_broken else _why_none(document, findings)
    return RoleFile(
        slug=slug,
        shown=source.file,
        name=_name(front, document, slug, findings),
        description=description,
        usage=usage,
        body=document.body,
        tools=tools_of(front, findings),
        denied=denied_of(front, findings),
        model=models_of(front, findings),
        hints=_hints(front, findings),
        sha256=source.sha256,
        text=source.text,
        has_front_matter=document.front is not None,
        broken=document.front_is_broken,
        document=document,
        keys=tuple(name.text for name, _ in front.entries),
        why=why,
    )


def report_empty(role: RoleFile, findings: Findings) -> None:
    """An agent without words cannot work."""
    if not role.body and not role.broken:
        end = role.text.count("\n") + 1
        findings.put(Span(role.shown, end, 1, end, 2), reading_rules.empty_role.no_words(role.slug))


def slug_of(relative: str) -> str:
    """`team/analyst.md` is `team/analyst`; so are `team/analyst.agent.md` and `team/analyst/AGENTS.md`."""
    slug = relative.removesuffix(".md")
    for suffix in (".agent", ".chatmode", "/AGENTS"):
        if slug.endswith(suffix) and slug != suffix:
            return slug.removesuffix(suffix)
    return slug


def _hints(front: MapNode, findings: Findings) -> Hints:
    """What stands under `org:`, or under `metadata.org` where a format allows no other place."""
    metadata = front.get("metadata")
    node, other = front.get("org"), metadata.get("org") if isinstance(metadata, MapNode) else None
    if node is not None and other is not None:
        findings.put(other.span, reading_rules.unread_value.second_hints())
    node = other if node is None else node
    if node is None:
        return Hints()
    if not isinstance(node, MapNode):
        findings.put(node.span, reading_rules.wrong_type.hints(kind_of(node)))
        return Hints()
    return bind_hints(Fields(node, "org", HINTS, findings), findings)


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
