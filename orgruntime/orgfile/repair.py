"""Front matter that is not quite YAML, read key by key. Knows which keys hold words, nothing of what they mean.

Invariant: a value that is valid YAML by itself is read as YAML; each other value that is kept is a finding, and a fix
is offered only where the fixed text has been read back and says the same.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.fixes import Edit, Fix
from orgruntime.diagnostics.pattern import pattern
from orgruntime.orgfile import reading_rules
from orgruntime.orgfile.source import Source
from orgruntime.orgfile.tree import ListNode, MapNode, Node, ScalarNode, compose


class Tolerance(NamedTuple):
    """The keys of a tolerant reading, by what may be made of a broken value of theirs."""

    texts: frozenset[str]
    """Read as the words that stand there."""
    names: frozenset[str]
    """Read as a list of names."""
    opaque: frozenset[str]
    """Not used by anyone here: kept as words, and never edited. So is every key that is in none of the sets."""
    strict: frozenset[str]
    """Known, and never repaired."""
    prose: frozenset[str]
    """Words before a colon, in lower case, that begin a line of a dialogue and never a key."""

    @property
    def keys(self) -> frozenset[str]:
        return self.texts | self.names | self.opaque | self.strict


class _Chunk:
    """A key and what stands from `start` to `stop`, as offsets. `tree` is what YAML makes of it by itself.

    `colon` is behind the colon, `value` where the value begins on the line of the key.
    """

    def __init__(self, key: str, start: int, colon: int, value: int) -> None:
        self.key, self.start, self.colon, self.value = key, start, colon, value
        self.stop = 0
        self.tree: MapNode | None = None
        self.findings: Findings | None = None


_MOST_KEYS = 1_000
"""Keys of a front matter that is repaired. The richest of 2,089 in the wild has 16; each costs a parser of its own."""

_KEY = pattern(r"^(?P<indent>[ \t]*)(?P<key>[A-Za-z_][\w.-]*)[ \t]*:(?P<gap>[ \t]*)(?P<value>[^\n]*)", re.MULTILINE)


def read_by_keys(
    source: Source, start: int, end: int, findings: Findings, tolerance: Tolerance
) -> tuple[tuple[ScalarNode, Node], ...] | None:
    """The entries of the front matter in [start, end); None where some part is beyond repair."""
    heads = list(_heads(source, start, end, tolerance))
    chunks = _chunks(source, heads, end, tolerance) if len(heads) <= _MOST_KEYS else []
    if not chunks or not _is_comment(source.text[start : chunks[0].start]):
        return None
    own = Findings()
    entries: dict[str, tuple[ScalarNode, Node]] = {}
    for chunk in chunks:
        found = _entries(source, chunk, own, tolerance)
        if found is None:
            return None
        for name, value in found:
            if name.text in entries:
                line = entries[name.text][0].span.line
                own.put(name.span, reading_rules.duplicate_key.again(name.text, line))
            entries.setdefault(name.text, (name, value))
    for one in own:
        findings.keep(one)
    return tuple(entries.values())


def misparted(source: Source, tree: MapNode, tolerance: Tolerance) -> bool:
    """Whether YAML found the keys in other places than a person would.

    A quoted value goes on over a line that begins with a known key: its closing quote is missing. Or a block that `|`
    announces is empty, because its lines are not indented, and they are taken for keys.
    """
    for at, (_, value) in enumerate(tree.entries):
        if not isinstance(value, ScalarNode) or value.plain:
            continue
        begin = source.starts[value.span.line - 1] + value.span.column - 1
        opens = source.text[begin : begin + 1]
        if opens in "|>" and not value.text and any(" " in name.text for name, _ in tree.entries[at + 1 :]):
            return True
        if opens in "\"'" and value.span.end_line > value.span.line:
            end = source.line_end(source.starts[value.span.end_line - 1])
            lines = _KEY.finditer(source.text, source.starts[value.span.line], end)
            if any(not key["indent"] and key["key"] in tolerance.keys for key in lines):
                return True
    return False


def _chunks(source: Source, heads: list[re.Match[str]], end: int, tolerance: Tolerance) -> list[_Chunk]:
    """Known keys always begin a chunk; other words before a colon do so where the chunk before them is sound."""
    chunks: list[_Chunk] = []
    broken = False
    for match in heads:
        if match["key"] not in tolerance.keys and chunks:
            if match["key"].casefold() in tolerance.prose and chunks[-1].key in tolerance.texts:
                continue
            if not broken:
                _close(source, chunks[-1], match.start())
                broken = not _is_sound(source, chunks[-1], tolerance)
            if broken:
                continue
        if chunks:
            _close(source, chunks[-1], match.start())
        broken = False
        chunks.append(_Chunk(match["key"], match.start(), match.start("gap"), match.start("value")))
    if chunks:
        _close(source, chunks[-1], end)
    return chunks


def _heads(source: Source, start: int, end: int, tolerance: Tolerance) -> Iterator[re.Match[str]]:
    """Lines that begin with a word and a colon, at the depth of the first. Known words need no space after theirs."""
    indent: str | None = None
    for match in _KEY.finditer(source.text, start, end):
        indent = match["indent"] if indent is None else indent
        spaced = match["gap"] or not match["value"]
        if match["indent"] == indent and (spaced or match["key"] in tolerance.keys):
            yield match


def _close(source: Source, chunk: _Chunk, stop: int) -> None:
    """Ends a chunk before `stop`; blank lines and comments between two keys belong to neither."""
    lines = source.text[chunk.start : stop].split("\n")
    while len(lines) > 1 and _is_comment(lines[-1]):
        lines.pop()
    end = chunk.start + len("\n".join(lines))
    if end != chunk.stop:
        chunk.stop, chunk.findings = end, Findings()
        chunk.tree = compose(source, chunk.start, end, chunk.findings)


def _is_comment(text: str) -> bool:
    return all(not line.strip() or line.lstrip().startswith("#") for line in text.split("\n"))


def _entries(
    source: Source, chunk: _Chunk, findings: Findings, tolerance: Tolerance
) -> tuple[tuple[ScalarNode, Node], ...] | None:
    if _is_sound(source, chunk, tolerance) and chunk.tree is not None and chunk.findings is not None:
        for one in chunk.findings:
            findings.keep(one)
        return chunk.tree.entries
    if not _may_be_words(source, chunk, tolerance):
        return None
    at = source.text.index(chunk.key, chunk.start)
    name = ScalarNode(source.span(at, at + len(chunk.key)), chunk.key)
    node, new, sure = _names(source, chunk) if chunk.key in tolerance.names else _words(source, chunk)
    fix = _proven(source, chunk, new, node) if chunk.key in tolerance.texts | tolerance.names else None
    first = source.line_end(chunk.value)
    span = source.span(chunk.value, min(first, chunk.stop)) if chunk.value < min(first, chunk.stop) else name.span
    read_as = "it stands" if sure and fix and isinstance(node, ScalarNode) else _shown(node)
    reason = _reason(source, chunk)
    if sure and fix:
        findings.put(span, reading_rules.repaired_front_matter.read(chunk.key, reason, read_as, fix))
    else:
        doubtful = fix._replace(is_safe=False) if fix else None
        findings.put(span, reading_rules.doubtful_repair.read(chunk.key, reason, read_as, doubtful))
    return ((name, node),)


def _shown(node: Node) -> str:
    """The beginning of a reading, for a message of one line."""
    if isinstance(node, ListNode):
        names = ", ".join(f"`{item.text}`" for item in node.items[:4] if isinstance(item, ScalarNode))
        return f"the list {names}{', …' if len(node.items) > 4 else ''}" if names else "an empty list"
    words = " ".join(node.text.split()) if isinstance(node, ScalarNode) else ""
    return f"`{words[:60]}{'…' if len(words) > 60 else ''}`"


def _reason(source: Source, chunk: _Chunk) -> str:
    """Why YAML refuses a value, where that can be said in the author's words."""
    if source.text.startswith("*", chunk.value):
        return " (`*` begins an alias)"
    if chunk.colon == chunk.value and source.line_end(chunk.value) > chunk.value:
        return " (a blank is missing behind the colon)"
    for found in chunk.findings or ():
        problem = reading_rules.invalid_yaml.reason(found.message)
        if problem.startswith(("a second", "a tab", "a quote", "the quote")):
            return f" ({problem})"
    return ""


def _is_sound(source: Source, chunk: _Chunk, tolerance: Tolerance) -> bool:
    """Whether YAML makes of a chunk what a person does: one key, with its value."""
    return chunk.tree is not None and len(chunk.tree.entries) == 1 and not misparted(source, chunk.tree, tolerance)


def _may_be_words(source: Source, chunk: _Chunk, tolerance: Tolerance) -> bool:
    """Anchors and tags stay errors, and so does an alias, except where it is a star before words or for `all`."""
    if chunk.findings is not None and any(found.name == "yaml-feature" for found in chunk.findings):
        return chunk.key in tolerance.texts | tolerance.names and source.text.startswith("*", chunk.value)
    return chunk.key not in tolerance.strict


def _words(source: Source, chunk: _Chunk) -> tuple[ScalarNode, str, bool]:
    """(the value as words, the same as YAML, whether there was one way only to read it)."""
    raw = source.text[chunk.value : chunk.stop]
    first, _, rest = raw.partition("\n")
    bare = _unquoted(first.strip()) if not rest.strip() else first.strip()
    if not rest.strip():
        spaced = source.text[chunk.value - 1 : chunk.value] in (" ", "\t")
        node = ScalarNode(source.span(chunk.value, chunk.stop), bare, plain=False)
        # What stands behind ` #` may be a comment.
        is_one = bare == first.strip() and not bare.startswith(("[", "{")) and not re.search(r"\s#", bare)
        return node, _quoted(bare), spaced and is_one
    lines = [] if re.fullmatch(r"[|>][+-]?", bare) or not bare else [bare]
    below = textwrap.dedent(rest.expandtabs(4)).split("\n")
    words = _unquoted("\n".join([*lines, *(line.rstrip() for line in below)]).strip())
    indent = "  " + re.match(r"[ \t]*", source.text[chunk.start :])[0]  # type: ignore[index]  # it matches anything
    block = "".join(f"\n{indent}{line}" if line else "\n" for line in words.split("\n"))
    node = ScalarNode(source.span(chunk.value, chunk.stop), words, plain=False)
    return node, f"|-{block}", False


def _names(source: Source, chunk: _Chunk) -> tuple[ListNode, str, bool]:
    """As `_words`, for a list: dashes, brackets, commas and quotes part the names, commas in parentheses do not."""
    items: list[ScalarNode] = []
    at = chunk.value
    for line in source.text[chunk.value : chunk.stop].split("\n"):
        comment = re.search(r"(?:^|[ \t])#", line)
        for match in _NAME.finditer(line[: comment.start()] if comment else line):
            name = match[0].strip(" \t`")
            begin = at + match.start() + len(match[0]) - len(match[0].lstrip(" \t`"))
            if name:
                items.append(ScalarNode(source.span(begin, begin + len(name)), name, plain=False))
        at += len(line) + 1
    new = "[" + ", ".join(item.text if _PLAIN.fullmatch(item.text) else _quoted(item.text) for item in items) + "]"
    raw = source.text[chunk.value : chunk.stop]
    spaced = source.text[chunk.value - 1 : chunk.value] in (" ", "\t")
    sure = spaced and "\n" not in raw and not re.search(r"[\[\]{}\"']", raw)
    return ListNode(source.span(chunk.value, chunk.stop), tuple(items)), new, sure


_NAME = pattern(r"(?:[^,\[\]{}\"'()\n-]|(?<=\S)-|\([^()\n]*\)?)+")
_PLAIN = pattern(r"(?!(?:true|false|null|yes|no|on|off)$)[A-Za-z_][\w./-]*", re.IGNORECASE)


def _proven(source: Source, chunk: _Chunk, new: str, node: Node) -> Fix | None:
    """The fix that writes the value as YAML, if reading it back gives the same words and nothing else."""
    stop = chunk.stop
    comment = re.search(r"[ \t]+#", source.text[chunk.value : stop]) if isinstance(node, ListNode) else None
    if comment and "\n" in source.text[chunk.value : stop]:
        return None
    stop = chunk.value + comment.start() if comment else stop
    raw = source.text[chunk.value : stop]
    stop = chunk.value + len(raw.rstrip())
    gap = source.text[chunk.colon : chunk.value]
    is_spaced = bool(gap) and not gap.strip(" ")
    begin, new = (chunk.value, new) if is_spaced else (chunk.colon, f" {new}")
    after = source.text[chunk.start : begin] + new + source.text[stop : chunk.stop]
    tree = compose(Source("", after + "\n"), 0, len(after) + 1, Findings())
    if tree is None or len(tree.entries) != 1 or _plainly(tree.entries[0][1]) != _plainly(node):
        return None
    return Fix(f"write `{chunk.key}` as YAML", (Edit(source.span(begin, max(begin, stop)), new),))


def _plainly(node: Node) -> object:
    if isinstance(node, ScalarNode):
        return node.text
    return [_plainly(item) for item in node.items] if isinstance(node, ListNode) else None


def _unquoted(text: str) -> str:
    """Without the quotes around it; an opening one whose partner is missing goes too."""
    if text[:1] in ("'", '"'):
        return text[1:-1] if len(text) > 1 and text.endswith(text[0]) else text[1:]
    return text


def _quoted(text: str) -> str:
    return f'"{text}"' if '"' not in text and "\\" not in text else "'" + text.replace("'", "''") + "'"
