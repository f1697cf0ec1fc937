"""A file that the front matter makes editable while the program's words call it frozen."""

from __future__ import annotations

import re

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.sections import sentences
from orgruntime.compiler.workspace import plain
from orgruntime.diagnostics.codes import EDITABLE_AND_FROZEN
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.pattern import pattern
from orgruntime.model.editable import is_editable

CODE = EDITABLE_AND_FROZEN

_FROZEN = pattern(
    r"\b(?:frozen|read-only|off[ -]limits"
    r"|(?:do not|don't|never|must not|may not|cannot) (?:be )?(?:edit|chang|modif|touch)\w*)\b",
    re.IGNORECASE,
)
_STEMS = ("frozen", "read-only", "limits", "edit", "chang", "modif", "touch")
"""One of them is in all that this finds: a large program is not gone through for nothing."""
_EXCEPT = pattern(r"\b(?:except|but|other than|besides|apart from|else|only)\b", re.IGNORECASE)
"""`Do not edit anything except X` says the opposite of X."""


_FILE = pattern(r"(?<![\w./-])[\w-][\w./-]*\.\w+")
_MOST, _MOST_NAMES = 100_000, 100
"""Characters of the program, and entries of `editable`, that are looked at."""


def check(facts: Facts, findings: Findings) -> None:
    source, begin = facts.document.source, facts.document.body_start
    stop = min(len(source.text), begin + _MOST)
    words = source.text[begin:stop].casefold()
    if not any(stem in words for stem in _STEMS):
        return
    patterns = [plain(node.text) for node in facts.scalars("workspace.editable")][:_MOST_NAMES]
    files = set(facts.workspace_files)
    for start, end in sentences(source.text, begin, stop):
        sentence = source.text[start:end]
        named = [match for match in _FILE.finditer(sentence) if match[0] in patterns or match[0] in files]
        if not named or not _FROZEN.search(sentence) or _EXCEPT.search(sentence):
            continue
        for match in named:
            if is_editable(match[0], patterns):
                message = f"this calls `{match[0]}` frozen, and `workspace.editable` lets proposals change it"
                help = "take it out of `editable`, or mend the sentence"
                findings.add(CODE, source.span(start + match.start(), start + match.end()), message, help)
