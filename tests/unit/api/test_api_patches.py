"""Strict patches: what the workspace writes applies exactly; anything else is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgruntime.api.patches import PatchError, apply_patch
from orgruntime.backends.git_workspace import GitWorkspace
from orgruntime.model.manifest import WorkspaceSpec

LINES = st.lists(st.sampled_from(["a = 1", "b = 2", "", "  c", "-d", "+e", "@@ f"]), max_size=12)
TEXTS = st.builds(lambda lines, end: "\n".join(lines) + end, LINES, st.sampled_from(["", "\n"]))


def patch_between(folder, old: str, new: str) -> tuple[str, dict[str, bytes]]:
    """What the workspace writes for a change of `x.py` from `old` to `new`, and the old files."""
    source = folder / "source"
    source.mkdir()
    (source / "x.py").write_text(old)
    (source / "keep.py").write_text("keep\n")
    spec = WorkspaceSpec(source=str(source), editable=("x.py",), run="true", time_limit_s=1)
    workspace = GitWorkspace.create(folder / "workspace.git", spec)
    base = workspace.base().id
    changed = workspace.commit(base, {"x.py": new.encode()}, message="m", author="a")
    return workspace.diff(base, changed.id).text, {"x.py": old.encode(), "keep.py": b"keep\n"}


@settings(max_examples=60, deadline=None)
@given(old=TEXTS, new=TEXTS)
def test_what_the_workspace_writes_applies_exactly(tmp_path_factory, old, new):
    patch, files = patch_between(tmp_path_factory.mktemp("patch"), old, new)
    changed = apply_patch(patch, files.__getitem__)
    assert changed == ({} if old == new else {"x.py": new.encode()})


def test_two_hunks_far_apart(tmp_path):
    old = "".join(f"line {n}\n" for n in range(60))
    new = old.replace("line 3\n", "third\nand more\n").replace("line 55\n", "")
    patch, files = patch_between(tmp_path, old, new)
    assert patch.count("@@ -") == 2
    assert apply_patch(patch, files.__getitem__) == {"x.py": new.encode()}


def test_a_new_file():
    patch = (
        "diff --git a/n.py b/n.py\nnew file mode 100644\nindex 000..111\n--- /dev/null\n+++ b/n.py\n@@ -0,0 +1 @@\n+x\n"
    )
    assert apply_patch(patch, {}.__getitem__) == {"n.py": b"x\n"}


@pytest.mark.parametrize(
    ("old", "sentence"),
    [("other\n", "line 1 of x.py is not what the patch expects"), ("", "line 1 of x.py is not what")],
)
def test_a_context_that_is_not_there_is_refused(tmp_path, old, sentence):
    patch, _ = patch_between(tmp_path, "one\ntwo\n", "one\n2\n")
    with pytest.raises(PatchError, match=sentence):
        apply_patch(patch, {"x.py": old.encode()}.__getitem__)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    patch, _ = patch_between(tmp_path, "one\n", "two\n")
    with pytest.raises(PatchError, match=r"it changes x\.py, which the workspace does not hold"):
        apply_patch(patch, {}.__getitem__)


def test_what_is_no_patch_is_refused():
    with pytest.raises(PatchError, match="no unified diff"):
        apply_patch("rm -rf everything", {}.__getitem__)
    assert apply_patch("", {}.__getitem__) == {}
