"""What a trial finds in its folder, and what of it the next one takes over."""

from __future__ import annotations

import os
import shutil
import signal

import pytest
from shepherd_cases import (
    Node,
    eventually,
)

LEAVES = {
    "nothing": "pass",
    "a file": "open('note', 'w').write('for the next')",
    "a changed file": "open('train.py', 'w').write('for the next')",
    "no file": "import os; os.unlink('train.py')",
    "a link in a file's place": "import os; os.unlink('train.py'); os.symlink('/etc/passwd', 'train.py')",
    "another mode": "import os; os.chmod('train.py', 0o777)",
    "a closed folder": "import os; os.chmod('.', 0o700)",
    "an attribute": "import os; os.setxattr('train.py', 'user.note', b'for the next')",
}
FINDS = """
import os
print(sorted(os.listdir('.')), repr(open('train.py').read()))
print(oct(os.stat('train.py').st_mode), oct(os.stat('.').st_mode))
print(os.path.islink('train.py'), os.listxattr('train.py'))
"""


@pytest.mark.parametrize("leaves", LEAVES)
def test_a_trial_finds_its_tree_whatever_the_one_before_left(node: Node, leaves: str) -> None:
    first = node.run(FINDS)["output"]
    if leaves == "an attribute" and node.level == "none":
        leaves = "nothing"  # Nothing holds such a trial to its folder: it can leave what it likes elsewhere.
    node.run(LEAVES[leaves])
    assert node.run(FINDS)["output"] == first


def test_without_a_sandbox_a_small_folder_is_written_over_for_the_next_trial(open_node: Node) -> None:
    """Making files is dear where many were removed; what is left waits in the folder of an idle shepherd alone."""
    same = "import os; print(os.stat('train.py').st_ino, open('train.py').read())"
    other = open_node.folder / "other"
    shutil.copytree(open_node.tree, other)
    (other / "train.py").write_text("y = 2\n")
    open_node.announce("u", other)
    before, after = open_node.run(same)["output"].split(), open_node.run(same, tree="u")["output"].split()
    assert before[0] == after[0]
    assert after[1:] == ["y", "=", "2"]
    open_node.run("import os; os.link('train.py', '../mine')")
    kept = (open_node.root / "work/mine").read_text()
    assert open_node.run(same, tree="u")["output"].split()[0] != before[0], "another name of it would change with it"
    assert (open_node.root / "work/mine").read_text() == kept
    (open_node.root / "work/mine").unlink()
    open_node.run("open('large', 'w').write('x')")
    assert not any((open_node.root / "work").iterdir())


def test_a_tree_in_memory_is_one_on_disk(open_node: Node) -> None:
    os.chmod(open_node.tree / "src/judge.py", 0o755)
    open_node.announce("t", open_node.tree)
    open_node.announce_in_memory("m")
    look = """
        import os
        for top, folders, files in sorted(os.walk('.')):
            for name in sorted(files):
                path = os.path.join(top, name)
                print(path, oct(os.stat(path).st_mode), repr(open(path).read()))
    """
    assert open_node.run(look, tree="m")["output"] == open_node.run(look)["output"] != ""
    same, other = "FROZEN\\n", "MINE"
    for text in (same, other):
        outcome = open_node.run(f"open('eval.py', 'w').write('{text}')", tree="m")
        assert (outcome["ending"], outcome["detail"]) == ("tampered", "eval.py")
    assert open_node.run("open('train.py', 'w').write('x')", tree="m")["ending"] == "exited"
    assert open_node.run(look, tree="m")["output"] == open_node.run(look)["output"]


def test_in_a_sandbox_nothing_is_left_for_the_next_trial(node: Node) -> None:
    node.run("pass")
    assert node.level == "none" or not any((node.root / "work").iterdir())


def test_the_folder_of_an_idle_shepherd_that_is_killed_goes(open_node: Node) -> None:
    open_node.run("pass")
    (folder,) = (open_node.root / "work").iterdir()
    os.kill(int(folder.name), signal.SIGKILL)
    eventually(lambda: not folder.exists())
