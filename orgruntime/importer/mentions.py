"""Where a piece of prose names a role: by a link, a mark, or in plain words. Knows names, nothing of lists or headings.

Invariant: mentions do not overlap, and a role is mentioned once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from orgruntime.importer.names import Names, normal

_MARK = re.compile(
    r"\*\*(?P<bold>[^*\n]{2,80})\*\*|(?<!`)`(?P<code>[^`\n]{2,60})`(?!`)|(?<![\w@])@(?P<at>[A-Za-z][\w-]+)"
)
_LINK = re.compile(r"(?<!!)\[(?P<label>[^\[\]\n]{1,80})\]\((?P<href>[^\s()]+\.md)(?:#[^\s()]*)?\)")
_TOWARDS = (
    r"\b(?:with|to|from|by|support|guide|assist|help|advise|inform|brief|consult|ask|update|involve|call|use|notify)"
)
"""Words in front of a name: `Work with`, `Guide`."""
_NO_NAME = r"(?:the|there|here|them|it|you|me|us|this|that|all|each)"
_AFTER = re.compile(
    rf"(?i:{_TOWARDS})\s+(?:the\s+)?(?P<name>(?!{_NO_NAME}\b)[\w-]+(?:\s+[\w-]+){{0,3}}?)"
    r"(?=\s+(?:on|for|in|when|about|with|to|during|if|regarding|and|or|so|by|before|after)\b|[,.;:()]|$)"
)
_BEFORE = re.compile(rf"(?:{_TOWARDS}|\b(?:the|and|or)|[,→|])$", re.IGNORECASE)
_LABEL_END = re.compile(r"\s+(?:[-–—→|]|->)\s+|:\s|\s\(")
_ATOM = re.compile(r"[^\s_|→–—-]+")
_GAP = re.compile(r"[\s_-]+")
_LONGEST = 8
"""Words of a name that is looked for in plain text."""


@dataclass(frozen=True)
class Mention:
    """`start` is an offset. `slug` None: the name is that of several roles."""

    start: int
    name: str
    slug: str | None


def mentions(text: str, names: Names, by: str) -> tuple[Mention, ...]:
    """The roles that a text names, in order. `by`: the slug of the role whose text it is."""
    found: dict[int, Mention] = {}
    taken: list[tuple[int, int]] = []
    for start, end, name, slugs in _candidates(text, names, by):
        if any(start < stop and begin < end for begin, stop in taken):
            continue
        taken.append((start, end))
        slug = slugs[0] if len(slugs) == 1 else None
        if slug is None or all(one.slug != slug for one in found.values()):
            found[start] = Mention(start, name, slug)
    return tuple(found[at] for at in sorted(found))


def guess(text: str) -> tuple[str, int]:
    """The words where the name of a role should stand, and their offset: marked, in front of a colon, after `with`."""
    link, mark = _LINK.search(text), _MARK.search(text)
    if link:
        return link["label"], link.start()
    if mark:
        return _marked(mark), mark.start()
    first = text.split("\n", 1)[0]
    ends = _LABEL_END.search(first)
    if ends and ends.start() <= 40:
        return first[: ends.start()], 0
    after = _AFTER.search(first)
    return (after["name"], after.start("name")) if after else (first, 0)


def _candidates(text: str, names: Names, by: str) -> Iterator[tuple[int, int, str, tuple[str, ...]]]:
    """(start, end, name, slugs) of what may be a mention; links first, then marks, then plain words."""
    for match in _LINK.finditer(text):
        slugs = names.known(_file_slug(match["href"]), by) or names.known(match["label"], by)
        if len(slugs) == 1:
            yield match.start(), match.end(), match["label"], slugs
    for match in _MARK.finditer(text):
        if slugs := names.known(_marked(match), by):
            yield match.start(), match.end(), _marked(match), slugs
    for start, end in _plain(text, names):
        yield start, end, text[start:end], names.known(text[start:end], by)


def _plain(text: str, names: Names) -> Iterator[tuple[int, int]]:
    """Runs of words that are a name, the longest first, from left to right."""
    atoms = list(_ATOM.finditer(text))
    at = 0
    while at < len(atoms):
        run = _run(text, atoms[at : at + _LONGEST], names)
        if run:
            yield run[0], run[1]
        at += run[2] if run else 1


def _run(text: str, atoms: list[re.Match[str]], names: Names) -> tuple[int, int, int] | None:
    """(start, end, words) of the longest name that begins with the first of the words."""
    begin = atoms[0].end() - len(atoms[0].group().lstrip("*`\"'([@"))
    most = 1
    while most < len(atoms) and _GAP.fullmatch(text, atoms[most - 1].end(), atoms[most].start()):
        most += 1
    for count in range(most, 0, -1):
        last = atoms[count - 1]
        end = last.start() + len(last.group().rstrip("*`\"')].,:;!?"))
        if end - begin > 1 and normal(text[begin:end]) in names.slugs and _stands_alone(text, begin, end, names):
            return begin, end, count
    return None


def _stands_alone(text: str, start: int, end: int, names: Names) -> bool:
    """No part of a longer word; and a single common word only where it is written as a name, or stands as one."""
    around = text[max(0, start - 1) : start] + text[end : end + 1]
    if re.search(r"[\w-]", around):
        return False
    word = text[start:end]
    if re.search(r"[\s_-]", word) or (word == names.spelled.get(normal(word)) and word[0].isupper() and start > 0):
        return True
    before, after = text[:start].rstrip(), text[end:]
    return bool(_BEFORE.search(before)) or (not before and bool(re.match(r"\s*(?:$|[:–—→|-]|\()", after)))


def _marked(match: re.Match[str]) -> str:
    """`**With the Tech Lead:**` marks the Tech Lead."""
    word = match["bold"] or match["code"] or match["at"]
    return re.sub(r"^(?:with|to|from) (?:the )?", "", word.rstrip(": "), flags=re.IGNORECASE)


def _file_slug(href: str) -> str:
    """`../x/AGENTS.md` and `x.agent.md` are `x`."""
    stem = href.removesuffix(".md").removesuffix("/AGENTS").removesuffix(".agent")
    return stem.rsplit("/", 1)[-1]
