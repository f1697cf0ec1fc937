"""Every rule has a page, every page a rule, and each says the four things."""

from __future__ import annotations

from importlib.resources import files

import pytest

from orgruntime.compiler import page
from orgruntime.diagnostics.codes import CODES


def test_pages_and_rules_are_the_same_set() -> None:
    names = {one.name for one in (files("orgruntime.compiler") / "pages").iterdir()}
    assert names == {f"{code}.md" for code in CODES}


@pytest.mark.parametrize("code", list(CODES))
def test_a_page_has_its_parts(code: str) -> None:
    text = page(code)
    assert text.startswith(f"# {code} {CODES[code].name}\n\n{CODES[code].severity.capitalize()}.\n")
    headings = [line for line in text.split("\n") if line.startswith("## ")]
    wanted = ["## What it does", "## Why it is bad", "## Example", "## Use instead"]
    assert [line for line in headings if line in wanted] == wanted


def test_a_page_is_found_by_code_and_by_name() -> None:
    assert page("org204") == page("unknown-role") == page("ORG204")
    with pytest.raises(KeyError, match="did you mean `ORG204`"):
        page("ORG2044")
