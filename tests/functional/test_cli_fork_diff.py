"""`orgrun fork` and `orgrun diff` as people use them: on folders, on real repositories, on a run, and wrongly."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_cases import Said, assert_one_sentence, orgrun, orgrun_process

sys.path.insert(0, str(Path(__file__).parents[1]))

from git_daemon import git, serving
from git_https import serving_https

ROOT = Path(__file__).parents[2]


def committed(folder: Path, message: str = "x") -> None:
    if not (folder / ".git").exists():
        git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", message)


def changed(org: Path, old: str, new: str) -> None:
    text = (org / "program.md").read_text()
    assert old in text
    (org / "program.md").write_text(text.replace(old, new))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def differences(old: object, new: object) -> list[dict[str, object]]:
    said = orgrun("diff", old, new, "--json")
    found = json.loads(said.out)
    assert said.code == (0 if found["equal"] else 1)
    return found["changes"]


@pytest.fixture
def monorepo(tmp_path: Path) -> Path:
    """The shipped orgs as a repository of someone else's: an org that leads to shared roles and a workspace."""
    folder = tmp_path / "theirs"
    for name in ("orgs/microgpt-lab", "roles"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "examples" / "microgpt").mkdir(parents=True)
    for name in ("train.py", "prepare.py"):
        shutil.copy(ROOT / "examples" / "microgpt" / name, folder / "examples" / "microgpt")
    (folder / "LICENSE").write_text("Do as you like.\n")
    committed(folder)
    git(folder, "tag", "v1")
    return folder


class TestForkOfAFolder:
    def test_every_byte_but_the_title_is_kept(self, org, tmp_path):
        said = orgrun("fork", org, tmp_path / "mine")
        assert said.code == 0, said.err
        assert "Lab → Mine" in said.out
        assert "nothing of it was run" in said.out
        theirs, mine = contents(org), contents(tmp_path / "mine")
        assert set(mine) - set(theirs) == {"org.lock.json"}
        assert mine["program.md"] == theirs["program.md"].replace(b"# Lab\n", b"# Mine\n")
        assert {path for path in theirs if theirs[path] != mine[path]} == {"program.md"}

    def test_it_compiles_and_differs_in_its_title_alone(self, org, tmp_path):
        assert orgrun("fork", org, tmp_path / "mine", "--name", "Optimizer lab").code == 0
        assert orgrun("check", tmp_path / "mine").code == 0
        found = differences(org, tmp_path / "mine")
        assert [(change["path"], change["after"]) for change in found if change["topic"] != "files"] == [
            ("title", "Optimizer lab")
        ]

    def test_the_lock_says_where_it_came_from(self, org, tmp_path):
        made = json.loads(orgrun("fork", org, tmp_path / "mine", "--json").out)
        lock = json.loads((tmp_path / "mine" / "org.lock.json").read_text())
        assert made["lock"] == lock
        assert made["check"] == {"errors": 0, "warnings": 0}
        assert lock["schema_version"] == 1
        origin = lock["origin"]
        assert (origin["source"], origin["commit"], origin["licence"]) == ("../lab", None, None)
        assert origin["tree"].startswith("sha256:")
        assert origin["title"] == "Lab"
        assert origin["authority"]["models"] == ["search/tpe"]
        assert lock["edits"] == [{"what": "title", "before": "Lab", "after": "Mine"}]

    def test_a_fork_of_a_fork_keeps_its_lineage(self, org, tmp_path):
        orgrun("fork", org, tmp_path / "second")
        orgrun("fork", tmp_path / "second", tmp_path / "third")
        lock = json.loads((tmp_path / "third" / "org.lock.json").read_text())
        assert (lock["origin"]["source"], [one["source"] for one in lock["lineage"]]) == ("../second", ["../lab"])

    def test_an_empty_folder_is_filled_even_the_one_that_one_is_in(self, org, tmp_path):
        (tmp_path / "mine").mkdir()
        assert orgrun_process("fork", org, ".", cwd=tmp_path / "mine").code == 0
        assert orgrun("check", tmp_path / "mine").code == 0

    def test_an_org_that_does_not_compile_is_forked_and_said(self, org, tmp_path):
        changed(org, "source: workspace", "source: ../gone")
        said = orgrun("fork", org, tmp_path / "mine")
        assert said.code == 0
        assert f"does not compile yet (1 error): `orgrun check {tmp_path / 'mine'}`" in said.out
        assert json.loads((tmp_path / "mine" / "org.lock.json").read_text())["origin"]["authority"] is None

    def test_nothing_of_git_comes_along(self, org, tmp_path):
        committed(org)
        assert orgrun("fork", org, tmp_path / "mine").code == 0
        assert not (tmp_path / "mine" / ".git").exists()
        lock = json.loads((tmp_path / "mine" / "org.lock.json").read_text())
        assert lock["origin"]["commit"] == git(org, "rev-parse", "HEAD")


class TestForkOfARepository:
    @pytest.mark.parametrize(
        "place", ["{}/orgs/microgpt-lab", "{}//orgs/microgpt-lab@v1", "file://{}//orgs/microgpt-lab"]
    )
    def test_what_the_org_leads_to_is_still_there(self, monorepo, tmp_path, place):
        mine = tmp_path / "elsewhere" / "mine"
        said = orgrun("fork", place.format(monorepo), mine)
        assert said.code == 0, said.err
        assert orgrun("check", mine).code == 0
        assert (mine / "roles" / "trainer.md").read_bytes() == (ROOT / "roles" / "trainer.md").read_bytes()
        assert (mine / "LICENSE").read_text() == "Do as you like.\n"
        origin = json.loads((mine / "org.lock.json").read_text())["origin"]
        assert origin["commit"] == git(monorepo, "rev-parse", "HEAD")
        assert origin["folder"] == "orgs/microgpt-lab"
        assert origin["licence"]["path"] == "LICENSE"

    def test_a_named_version_brings_its_own_workspace(self, monorepo, tmp_path):
        (monorepo / "examples/microgpt/train.py").write_text("# newer\n")
        committed(monorepo)
        assert orgrun("fork", f"{monorepo}/orgs/microgpt-lab@v1", tmp_path / "mine").code == 0
        kept = (tmp_path / "mine" / "workspace" / "train.py").read_bytes()
        assert kept == (ROOT / "examples/microgpt/train.py").read_bytes()
        found = differences(f"{monorepo}/orgs/microgpt-lab@v1", tmp_path / "mine")
        assert {change["path"] for change in found if change["topic"] not in ("files", "roles")} == {
            "title",
            "workspace.source",
        }

    def test_beside_the_original_nothing_but_the_title_changes(self, monorepo):
        mine = monorepo / "orgs" / "mine"
        assert orgrun("fork", monorepo / "orgs" / "microgpt-lab", mine).code == 0
        lock = json.loads((mine / "org.lock.json").read_text())
        assert [edit["what"] for edit in lock["edits"]] == ["title"]
        assert lock["brought"] == []
        assert lock["origin"]["licence"]["path"] == "../../LICENSE"
        assert orgrun("check", mine).code == 0

    def test_a_bare_repository(self, monorepo, tmp_path):
        git(tmp_path, "clone", "-q", "--bare", str(monorepo), "bare.git")
        assert orgrun("fork", f"{tmp_path}/bare.git//orgs/microgpt-lab@v1", tmp_path / "mine").code == 0
        assert orgrun("check", tmp_path / "mine").code == 0
        assert (tmp_path / "mine" / "workspace" / "train.py").exists()

    def test_a_repository_elsewhere(self, monorepo, tmp_path):
        (monorepo / "examples/microgpt/train.py").write_text("# newer\n")
        committed(monorepo)
        with serving(tmp_path) as address:
            place = f"{address}/theirs//orgs/microgpt-lab@v1"
            assert orgrun("fork", place, tmp_path / "mine").code == 0
            found = differences(place, tmp_path / "mine")
            missing = orgrun("fork", f"{address}/theirs@v1", tmp_path / "other")
        assert orgrun("check", tmp_path / "mine").code == 0
        assert (tmp_path / "mine/workspace/train.py").read_bytes() == (ROOT / "examples/microgpt/train.py").read_bytes()
        origin = json.loads((tmp_path / "mine/org.lock.json").read_text())["origin"]
        assert (origin["source"], origin["folder"], origin["ref"]) == (f"{address}/theirs", "orgs/microgpt-lab", "v1")
        assert origin["commit"] == git(monorepo, "rev-parse", "v1")
        assert ("workspace.source", f"{address}/theirs//examples/microgpt", "workspace") in {
            (change["path"], str(change["before"]), change["after"]) for change in found if change["topic"] != "files"
        }
        assert_one_sentence(missing, 2, "is no org", "there are orgs in orgs/microgpt-lab")

    def test_a_repository_over_https(self, monorepo, tmp_path, monkeypatch):
        old = git(monorepo, "rev-parse", "v1")
        (monorepo / "examples/microgpt/train.py").write_text("# newer\n")
        committed(monorepo)
        with serving_https(tmp_path, tmp_path) as (address, certificate):
            place = f"{address}/theirs//orgs/microgpt-lab"
            assert_one_sentence(orgrun("fork", f"{place}@v1", tmp_path / "none"), 2, "cannot be fetched", "certificate")
            monkeypatch.setenv("GIT_SSL_CAINFO", str(certificate))
            for ref, name in (("@v1", "tag"), (f"@{old}", "commit"), ("@main", "branch"), ("", "newest")):
                assert orgrun("fork", f"{place}{ref}", tmp_path / name).code == 0
            assert_one_sentence(orgrun("fork", f"{place}@v2", tmp_path / "none"), 2, "no branch, tag or commit `v2`")
        forks = {name: tmp_path / name for name in ("tag", "commit", "branch", "newest")}
        locks = {name: json.loads((fork / "org.lock.json").read_text())["origin"] for name, fork in forks.items()}
        assert {name: lock["commit"] == old for name, lock in locks.items()} == {
            "tag": True, "commit": True, "branch": False, "newest": False,
        }  # fmt: skip
        assert (locks["tag"]["source"], locks["tag"]["ref"]) == (f"{address}/theirs", "v1")
        assert (forks["newest"] / "workspace/train.py").read_text() == "# newer\n"
        assert (forks["tag"] / "workspace/train.py").read_bytes() == (ROOT / "examples/microgpt/train.py").read_bytes()
        assert not (tmp_path / "none").exists()

    def test_what_is_not_committed_is_not_forked_in_silence(self, monorepo, tmp_path):
        org = monorepo / "orgs" / "microgpt-lab"
        (org / "roles" / "new.md").write_text("Words.\n")
        said = orgrun("fork", org, tmp_path / "mine")
        assert_one_sentence(said, 2, "not committed (orgs/microgpt-lab/roles/new.md)", f"{org}@HEAD")
        assert not (tmp_path / "mine").exists()
        assert orgrun("fork", f"{org}@HEAD", tmp_path / "mine").code == 0
        assert not (tmp_path / "mine" / "roles" / "new.md").exists()

    def test_a_shared_role_that_is_not_committed_is_not_either(self, monorepo, tmp_path):
        (monorepo / "roles" / "trainer.md").write_text("Other words.\n")
        said = orgrun("fork", monorepo / "orgs" / "microgpt-lab", tmp_path / "mine")
        assert_one_sentence(said, 2, "not committed (roles/trainer.md)")
        (monorepo / "roles" / "director.md").write_text("Nobody links this one.\n")
        git(monorepo, "checkout", "-q", "roles/trainer.md")
        assert orgrun("fork", monorepo / "orgs" / "microgpt-lab", tmp_path / "mine").code == 0


class TestForkIsRefused:
    def test_a_folder_that_holds_something(self, org, tmp_path):
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "mine.txt").write_text("mine")
        assert_one_sentence(orgrun("fork", org, tmp_path / "full"), 2, "full is not empty", "choose a new folder")
        assert contents(tmp_path / "full") == {"mine.txt": b"mine"}

    def test_a_file_and_a_link(self, org, tmp_path):
        (tmp_path / "file").write_text("mine")
        (tmp_path / "link").symlink_to(tmp_path / "nowhere")
        assert_one_sentence(orgrun("fork", org, tmp_path / "file"), 2, "file is a file")
        assert_one_sentence(orgrun("fork", org, tmp_path / "link"), 2, "link is a file")
        assert_one_sentence(orgrun("fork", org, tmp_path / "file" / "x"), 2, "cannot be written")

    def test_a_place_within_the_source(self, org):
        assert_one_sentence(orgrun("fork", org, org / "mine"), 2, "lies in the org")

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ("nowhere", "nowhere does not exist"),
            ("some/where", "https://"),
            ("http://host/o/r", "http:// is not used"),
            ("ext::sh -c 'touch ran'", "git's helpers are not used"),
            ("https://me:hunter2@host/o/r", "leave user and password out"),
            ("lab@-x", "cannot be a branch"),
            ("lab@nope", "no version `nope`"),
            ("", "a source is a folder"),
        ],
    )
    def test_a_source_that_is_none(self, org, tmp_path, monkeypatch, source, words):
        monkeypatch.chdir(tmp_path)
        said = orgrun("fork", source, "mine")
        assert_one_sentence(said, 2, words)
        assert "hunter2" not in said.err
        assert sorted(path.name for path in tmp_path.iterdir()) == ["lab"]

    def test_a_folder_that_is_no_org_names_those_that_are(self, monorepo, tmp_path):
        for place in (monorepo, f"{monorepo}@v1"):
            said = orgrun("fork", place, tmp_path / "mine")
            assert_one_sentence(said, 2, "is no org", "program.md", "there are orgs in orgs/microgpt-lab")

    def test_a_title_that_is_none(self, org, tmp_path):
        said = orgrun("fork", org, tmp_path / "mine", "--name", "two\nlines")
        assert_one_sentence(said, 2, "cannot be a title", "one line")
        assert not (tmp_path / "mine").exists()

    def test_a_link_that_leaves_the_org(self, org, tmp_path):
        (org / "roles" / "x.md").symlink_to("/etc/hostname")
        assert_one_sentence(orgrun("fork", org, tmp_path / "mine"), 2, "roles/x.md is a link that leaves")
        assert not (tmp_path / "mine").exists()

    @pytest.mark.parametrize("version", ["", "@HEAD"])
    @pytest.mark.parametrize(
        "source",
        [
            '"a\\0b"',
            '"\\ud83d"',
            "a" * 5000,
            "../" * 40 + "etc",
            "/etc",
            "..",
            ".",
            '""',
            "~",
            "[a]",
            "{a: b}",
            '"\\e[31m"',
        ],
    )
    def test_a_workspace_that_is_made_to_hurt_hurts_nobody(self, org, tmp_path, source, version):
        changed(org, "source: workspace", f"source: {source}")
        changed(org, "risk: {", f"imports: [{source}, lib/{source}]\nrisk: {{")
        committed(org)
        before = contents(tmp_path)
        said = orgrun("fork", f"{org}{version}", tmp_path / "mine")
        assert said.code == 0, said.err
        assert "\x1b" not in said.out
        mine = contents(tmp_path / "mine")
        assert set(mine) - set(contents(org)) == {"org.lock.json"}
        assert set(contents(tmp_path)) == set(before) | {f"mine/{path}" for path in mine}
        assert_one_sentence(orgrun("diff", org, tmp_path / "mine"), 2, "does not compile")

    def test_hooks_filters_and_helpers_of_the_source_do_not_run(self, org, tmp_path):
        (org / ".gitattributes").write_text("* filter=evil\n")
        committed(org)
        mark = tmp_path / "ran"
        for key in ("filter.evil.smudge", "filter.evil.clean", "core.fsmonitor", "uploadpack.packObjectsHook"):
            git(org, "config", key, f"touch {mark}; cat")
        for name in ("post-checkout", "post-index-change"):
            hook = org / ".git" / "hooks" / name
            hook.parent.mkdir(exist_ok=True)
            hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
            hook.chmod(0o755)
        for number, place in enumerate((org, f"{org}@HEAD", f"file://{org}")):
            assert orgrun("fork", place, tmp_path / f"mine{number}").code == 0
            orgrun("diff", place, f"{org}@HEAD")
        assert not mark.exists()


class TestDiff:
    def test_a_copy_in_another_place_is_equal(self, org, tmp_path):
        shutil.copytree(org, tmp_path / "copy")
        said = orgrun("diff", org, tmp_path / "copy")
        assert (said.code, said.out.count("\n")) == (0, 1)
        assert "are equal" in said.out
        assert json.loads(orgrun("diff", org, tmp_path / "copy", "--json").out)["changes"] == []

    def test_a_copy_of_an_org_without_a_heading_is_equal(self, org, tmp_path):
        changed(org, "# Lab\n", "")
        shutil.copytree(org, tmp_path / "copy")
        assert orgrun("diff", org, tmp_path / "copy").code == 0

    def test_meaning_comes_first_with_what_it_allows_and_text_second(self, org, tmp_path):
        shutil.copytree(org, tmp_path / "mine")
        changed(tmp_path / "mine", "trials: 120", "trials: 200")
        changed(tmp_path / "mine", "largest_stake: 10%", "largest_stake: 5%")
        said = orgrun("diff", org, tmp_path / "mine")
        assert said.code == 1
        meaning, _, text = said.out.partition("\nText: program.md +2 -2\n")
        assert "the org may do other things than before: 1 wider, 1 narrower" in meaning
        assert "~ trials  120 trials → 200 trials  [wider]" in meaning
        assert "~ stake" in meaning
        assert "10 % → 5 %: of what is left; at the start 12 → 10 trials  [narrower]" in meaning
        assert "= dry spell  of the budget without a new champion (72 trials): → (120 trials): pause and ask" in meaning
        assert "-budget: {trials: 120, wall_clock: 10m}\n" in text
        assert "+budget: {trials: 200, wall_clock: 10m}\n" in text

    def test_other_bytes_with_the_same_meaning_are_a_difference_of_files(self, org, tmp_path):
        shutil.copytree(org, tmp_path / "mine")
        changed(tmp_path / "mine", "format: orgruntime/1\n", "format: orgruntime/1   # the format\n")
        said = orgrun("diff", org, tmp_path / "mine")
        assert said.code == 1
        assert "the same in meaning, from files with other bytes" in said.out

    def test_long_texts_are_cut_and_shown_whole_when_asked(self, org, tmp_path):
        shutil.copytree(org, tmp_path / "mine")
        role = tmp_path / "mine" / "roles" / "scientist.md"
        role.write_text(role.read_text() + "".join(f"{n}. A rule.\n" for n in range(100)))
        said = orgrun("diff", org, tmp_path / "mine")
        assert "prompt: +100 lines" in said.out
        assert "lines more: --text shows them all" in said.out
        assert "+99. A rule." not in said.out
        assert "+99. A rule." in orgrun("diff", org, tmp_path / "mine", "--text").out
        found = json.loads(orgrun("diff", org, tmp_path / "mine", "--json").out)
        assert [(one["path"], one["added"]) for one in found["text"]] == [("roles/scientist.md", 100)]

    def test_a_version_against_the_folder(self, org):
        committed(org)
        assert orgrun("diff", f"{org}@HEAD", org).code == 0
        changed(org, "trials: 120", "trials: 12000")
        (change, *_) = [one for one in differences(f"{org}@HEAD", org) if one["topic"] == "budget"]
        assert (change["before"], change["after"], change["effect"]) == (120, 12000, "wider")

    def test_a_version_of_an_org_whose_workspace_is_outside_its_repository(self, org, tmp_path):
        shutil.move(org / "workspace", tmp_path / "code")
        changed(org, "source: workspace", "source: ../code")
        committed(org)
        assert differences(f"{org}@HEAD", org) == []
        assert differences(f"file://{org}", org) == []

    def test_a_repository_elsewhere_names_its_workspace_by_its_address(self, monorepo, tmp_path):
        git(tmp_path, "clone", "-q", "--bare", str(monorepo), "bare.git")
        found = differences(f"{tmp_path}/bare.git//orgs/microgpt-lab", monorepo / "orgs" / "microgpt-lab")
        assert [(change["path"], change["before"]) for change in found] == [
            ("workspace.source", f"{tmp_path}/bare.git//examples/microgpt")
        ]

    @pytest.mark.ray
    def test_a_run_against_the_org_that_it_ran(self, finished, tmp_path):
        lab = finished.home / "lab"
        for run in (finished.folder, finished.folder / "manifest.json"):
            assert orgrun("diff", run, lab).code == 0
        assert orgrun("diff", "r1", lab, "--runs", finished.runs).code == 0
        mine = tmp_path / "lab"
        shutil.copytree(lab, mine)
        role = mine / "roles" / "scientist.md"
        role.write_text(role.read_text() + "One more.\n")
        said = orgrun("diff", finished.folder, mine)
        assert "prompt: +1 line" in said.out
        assert "roles/scientist.md (prompt) +1 -0" in said.out

    def test_words_of_an_org_cannot_move_the_cursor(self, org, tmp_path):
        shutil.copytree(org, tmp_path / "mine")
        role = tmp_path / "mine" / "roles" / "scientist.md"
        role.write_text(role.read_text() + "\x1b[2J\n")
        changed(tmp_path / "mine", "# Lab\n", "# Lab \x1b[31mred\n")
        said = orgrun("diff", org, tmp_path / "mine", "--text")
        assert "\x1b" not in said.out
        assert "\\u001b[31mred" in said.out


class TestDiffIsRefused:
    @pytest.fixture
    def diff(self, org: Path) -> Callable[..., Said]:
        return lambda other: orgrun("diff", org, other)

    def test_an_org_that_does_not_compile_means_nothing(self, diff, org, tmp_path):
        shutil.copytree(org, tmp_path / "mine")
        changed(tmp_path / "mine", "objective:", "objectiv:")
        assert_one_sentence(diff(tmp_path / "mine"), 2, "mine does not compile", "ORG113", "did you mean `objective`?")
        committed(tmp_path / "mine")
        said = diff(f"{tmp_path / 'mine'}@HEAD")
        assert_one_sentence(said, 2, f"{tmp_path / 'mine'}@HEAD/program.md:")
        assert "orgrun-" not in said.err

    def test_what_is_no_org(self, diff, tmp_path):
        (tmp_path / "empty").mkdir()
        assert_one_sentence(diff(tmp_path / "empty"), 2, "empty is no org")
        assert_one_sentence(diff(tmp_path / "nowhere"), 2, "nowhere does not exist")
        (tmp_path / "empty" / "manifest.json").write_text("{}")
        assert_one_sentence(diff(tmp_path / "empty"), 2, "manifest.json is damaged")

    def test_one_org_alone(self, org):
        assert_one_sentence(orgrun("diff", org), 2, "missing argument", "orgrun diff --help")

    def test_nothing_is_left_behind(self, org, tmp_path, monkeypatch):
        (tmp_path / "t").mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t"))
        committed(org)
        orgrun("diff", f"{org}@HEAD", f"{org}@nope")
        orgrun("fork", f"{org}@HEAD", tmp_path / "mine")
        assert os.listdir(tmp_path / "t") == []
