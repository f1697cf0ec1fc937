"""Unified diffs: what they say, that they apply, and that they hold up on texts made to be slow."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from orgruntime.backends.text_patch import unified

TEXTS = st.lists(
    st.sampled_from(["a\n", "b\n", "\n", "-c\n", "+d\n", "@@ e\n", "\\ No newline\n", "é\u2028x\n"]), max_size=12
)


def test_it_names_both_sides_and_counts_lines():
    found = unified("one\ntwo\nthree\n", "one\n2\nthree\nfour\n", "a/x", "b/x")
    assert (found.added, found.removed) == (2, 1)
    assert found.text == "--- a/x\n+++ b/x\n@@ -1,3 +1,4 @@\n one\n-two\n+2\n three\n+four\n"


def test_a_text_that_is_new_and_one_that_is_the_same():
    assert unified("", "x\n", "/dev/null", "b/x").text == "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+x\n"
    assert unified("x", "x", "a/x", "b/x") == (0, 0, "")


@settings(max_examples=25, deadline=None)
@given(TEXTS, TEXTS)
def test_git_applies_it(tmp_path_factory, old, new):
    folder: Path = tmp_path_factory.mktemp("patch")
    before, after = "".join(old) or "start\n", "".join(new) or "start\n"
    found = unified(before, after, "a/x", "b/x")
    (folder / "x").write_bytes(before.encode())
    if found.text:
        subprocess.run(["git", "apply", "-p1", "-"], cwd=folder, input=found.text.encode(), check=True)
    assert (folder / "x").read_bytes() == after.encode()


def test_the_texts_live_as_long_as_they_are_read():
    """Memory that is given back too early is soon somebody else's."""
    for number in range(300):
        new = "".join(f"{line}. A rule. {number}\n" for line in range(200))
        found = unified("x\n", new, "a/x", "b/x").text
        rubbish = [b"+" * (17 * index) for index in range(20)]
        assert found.endswith(f"+199. A rule. {number}\n"), len(rubbish)


def test_texts_that_are_made_to_be_slow_are_not():
    lines = [f"{number}\n" for number in range(20_000)]
    started = time.monotonic()
    found = unified("".join(lines), "".join(lines[::-1]) + "same\n" * 20_000, "a/x", "b/x")
    assert time.monotonic() - started < 30
    assert found.added >= 20_000
