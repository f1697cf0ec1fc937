"""The page of a rule, from the package's own files."""

from __future__ import annotations

from pathlib import Path

from orgruntime.diagnostics.codes import CODES
from orgruntime.diagnostics.nearest import nearest


def page(code: str) -> str:
    """The markdown page of a code or of a rule's name. Raises KeyError with one sentence for an unknown one."""
    by_name = {rule.name: rule.id for rule in CODES.values()}
    wanted = by_name.get(code.casefold(), code.upper())
    if wanted not in CODES:
        near = nearest(code.upper(), CODES) or nearest(code.casefold(), by_name)
        raise KeyError(f"no rule is called `{code}`" + (f"; did you mean `{near}`?" if near else ""))
    return (Path(__file__).parent / "pages" / f"{wanted}.md").read_text(encoding="utf-8")
