"""Mistakes at every verb: one clear sentence with place and remedy, exit code 1 or 2, never a traceback."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cli_cases import assert_one_sentence, orgrun, orgrun_process

ORG_VERBS = ("check", "plan", "run", "graph")
RUN_VERBS = ("status", "report", "logs", "stop", "resume")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No run of the machine is in sight, and no key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.delenv("ORGRUN_RUNS", raising=False)


def program(org: Path, old: str, new: str) -> Path:
    text = (org / "program.md").read_text()
    assert old in text
    (org / "program.md").write_text(text.replace(old, new))
    return org


@pytest.mark.parametrize("verb", ORG_VERBS)
class TestOrgs:
    def test_a_missing_folder(self, verb, tmp_path):
        assert_one_sentence(orgrun(verb, tmp_path / "nowhere"), 1, "nowhere", "does not exist")

    def test_a_folder_without_a_program(self, verb, tmp_path):
        (tmp_path / "empty").mkdir()
        assert_one_sentence(orgrun(verb, tmp_path / "empty"), 1, "empty")

    def test_a_program_that_is_a_folder(self, verb, tmp_path):
        (tmp_path / "lab" / "program.md").mkdir(parents=True)
        assert_one_sentence(orgrun(verb, tmp_path / "lab"), 1, "program.md")

    def test_a_program_that_is_no_text(self, verb, org):
        (org / "program.md").write_bytes(b"---\nformat: \xff\xfe\n---\n")
        assert_one_sentence(orgrun(verb, org), 1, "ORG103", "UTF-8")

    def test_broken_front_matter(self, verb, org):
        program(org, "objective:\n", "objective: [\n")
        assert_one_sentence(orgrun(verb, org), 1, "program.md:", "ORG")

    def test_a_misspelled_key(self, verb, org):
        program(org, "objective:", "objectiv:")
        assert_one_sentence(orgrun(verb, org), 1, "ORG113", "objective")

    def test_a_workspace_that_is_not_there(self, verb, org):
        program(org, "source: workspace", "source: workshop")
        assert_one_sentence(orgrun(verb, org), 1, "ORG406", "workshop", "workspace")


@pytest.mark.parametrize("verb", ["check", "plan", "run"])
class TestModels:
    def test_a_role_that_is_not_there(self, verb, org):
        said = orgrun(verb, org, "--model", "scientists=search/tpe")
        assert_one_sentence(said, 2, "scientists", "scientist")

    def test_a_word_that_is_no_pair(self, verb, org):
        assert_one_sentence(orgrun(verb, org, "--model", "scientist"), 2, "KEY=VALUE", "--model researcher=search/tpe")

    def test_a_key_that_is_not_set(self, verb, org):
        said = orgrun(verb, org, "--model", "scientist=claude-opus-5-5")
        assert said.code in (1, 2)
        assert_one_sentence(said, said.code, "ANTHROPIC_API_KEY", "--model scientist=search/tpe")

    def test_a_key_that_is_empty(self, verb, org):
        program(org, "search/tpe", "claude-opus-5-5")
        said = orgrun(verb, org, env={"ANTHROPIC_API_KEY": " "})
        assert said.code in (1, 2)
        assert_one_sentence(said, said.code, "ANTHROPIC_API_KEY", "scientist")


@pytest.mark.parametrize("verb", RUN_VERBS)
class TestRuns:
    def test_no_run_at_all(self, verb):
        assert_one_sentence(orgrun(verb), 2, "no run in .orgrun/runs", "orgrun run ORG")

    def test_an_unknown_run(self, verb):
        assert_one_sentence(orgrun(verb, "no-such-run"), 2, "no-such-run", ".orgrun/runs")

    def test_a_folder_that_is_no_run(self, verb, tmp_path):
        fake = tmp_path / "fake"
        fake.mkdir()
        (fake / "ledger.db").write_text("no database at all, but long enough to be looked at" * 20)
        (fake / "manifest.json").write_text("{}")
        assert_one_sentence(orgrun(verb, fake), 2, "fake")

    def test_a_ledger_without_a_manifest(self, verb, tmp_path):
        fake = tmp_path / "fake"
        fake.mkdir()
        (fake / "ledger.db").write_text("")
        assert orgrun(verb, fake).code in (1, 2)
        assert_one_sentence(orgrun(verb, fake), 2, "fake")


class TestCheck:
    def test_without_a_path(self):
        assert_one_sentence(orgrun("check"), 2, "missing argument", "orgrun check --help")

    def test_a_role_file_with_broken_front_matter(self, tmp_path):
        role = tmp_path / "roles" / "one.md"
        role.parent.mkdir()
        role.write_text("---\nname: one\n\nWords.\n")
        assert_one_sentence(orgrun("check", role), 1, "one.md:", "ORG")

    def test_json_is_json_whatever_is_wrong(self, tmp_path):
        said = orgrun("check", tmp_path / "nowhere", "--format", "json")
        found = json.loads(said.out)
        assert said.code == 1
        assert [one["severity"] for one in found["diagnostics"]] == ["error"]
        assert set(found["diagnostics"][0]) >= {"code", "name", "severity", "file", "line", "column", "message", "help"}

    def test_models_beside_role_files(self, tmp_path):
        role = tmp_path / "one.md"
        role.write_text("---\nname: One\n---\n\nWords.\n")
        assert_one_sentence(orgrun("check", role, "--model", "one=search/tpe"), 2, "--model needs an org")

    def test_the_place_of_a_missing_key_is_the_line_of_the_model(self, org):
        program(org, "search/tpe", "claude-opus-5-5")
        said = orgrun("check", org, "--format", "json")
        (found,) = [one for one in json.loads(said.out)["diagnostics"] if one["severity"] == "error"]
        assert found["code"] == "ORG504"
        line = (org / "program.md").read_text().splitlines()[found["line"] - 1]
        assert line[found["column"] - 1 :].startswith("claude-opus-5-5")
        assert orgrun("check", org, env={"ANTHROPIC_API_KEY": "x"}).code == 0

    def test_a_file_that_nobody_may_read(self, org):
        if os.geteuid() == 0:
            pytest.skip("root reads everything")
        (org / "program.md").chmod(0)
        assert_one_sentence(orgrun("check", org), 1, "program.md", "ORG102")


class TestExplain:
    def test_an_unknown_code(self):
        assert_one_sentence(orgrun("explain", "ORG204x"), 2, "ORG204x", "did you mean `ORG204`")

    def test_a_word_like_no_code(self):
        assert_one_sentence(orgrun("explain", "why"), 2, "no rule is called `why`", "orgrun check")


class TestInit:
    def test_a_folder_that_holds_something(self, tmp_path):
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "mine.txt").write_text("mine")
        assert_one_sentence(orgrun("init", tmp_path / "full"), 2, "full is not empty", "orgrun init")
        assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]

    def test_a_file(self, tmp_path):
        (tmp_path / "file").write_text("mine")
        assert_one_sentence(orgrun("init", tmp_path / "file"), 2, "file is a file")
        assert_one_sentence(orgrun("init", tmp_path / "file" / "below"), 2, "cannot be written")

    def test_an_unknown_template(self, tmp_path):
        assert_one_sentence(orgrun("init", tmp_path / "x", "--template", "big"), 2, "solo", "lab")


class TestPlansAndRuns:
    def test_no_budget(self, org):
        program(org, "budget: {trials: 120, wall_clock: 10m}\n", "")
        assert_one_sentence(orgrun("run", org), 2, "no finite budget", "--budget trials=100")
        assert orgrun("plan", org).code == 0

    @pytest.mark.parametrize("entry", ["trials=many", "trials=-1", "trial=5", "trials="])
    def test_a_budget_that_is_none(self, org, entry):
        assert_one_sentence(orgrun("plan", org, "--budget", entry), 2, "--budget", "trials")

    @pytest.mark.parametrize("name", ["../up", "a b", "", ".hidden", "x" * 90])
    def test_a_run_id_that_names_no_folder(self, org, name):
        assert_one_sentence(orgrun("run", org, "--run-id", name), 2, "cannot name a folder")

    def test_runs_that_cannot_be_written(self, org, tmp_path):
        (tmp_path / "file").write_text("")
        said = orgrun("run", org, "--runs", tmp_path / "file")
        assert_one_sentence(said, 2, "file")

    def test_a_workspace_repository_without_a_commit(self, org):
        (org / "workspace" / ".git").mkdir()
        assert_one_sentence(orgrun("run", org), 2, "workspace")
        assert orgrun("ls").err.startswith("there is no run")

    def test_a_stale_plan(self, org, tmp_path):
        saved = tmp_path / "p.json"
        assert orgrun("plan", org, "--out", saved).code == 0
        program(org, "dry_spell: 60%", "dry_spell: 70%")
        assert_one_sentence(orgrun("run", saved), 1, "p.json is stale", "orgrun plan --out")

    def test_words_beside_a_plan(self, org, tmp_path):
        saved = tmp_path / "p.json"
        orgrun("plan", org, "--out", saved)
        assert_one_sentence(orgrun("run", saved, "--budget", "trials=9"), 2, "leave out")

    @pytest.mark.parametrize("text", ["{}", "[1]", "no json", '{"org_folder": 3}'])
    def test_a_file_that_is_no_plan(self, tmp_path, text):
        (tmp_path / "p.json").write_text(text)
        assert_one_sentence(orgrun("run", tmp_path / "p.json"), 2, "p.json")

    def test_a_plan_that_cannot_be_saved(self, org, tmp_path):
        assert_one_sentence(orgrun("plan", org, "--out", tmp_path / "no" / "p.json"), 2, "cannot be written")

    def test_a_cluster_that_is_not_there(self, org):
        said = orgrun_process("plan", org, "--address", "127.0.0.1:1", cwd=org)
        assert_one_sentence(said, 1, "127.0.0.1:1")

    def test_the_size_of_a_cluster_that_is_joined(self, org):
        assert_one_sentence(orgrun("run", org, "--address", "auto", "--cpus", "2"), 2, "--address")


class TestGraph:
    def test_a_format_that_is_none(self, org):
        assert_one_sentence(orgrun("graph", org, "--format", "pdf"), 2, "pdf", "mermaid")

    def test_a_file_that_cannot_be_written(self, org, tmp_path):
        assert_one_sentence(orgrun("graph", org, "-o", tmp_path / "no" / "g.svg"), 2, "cannot be written", "-o")


class TestVerify:
    def test_a_missing_file(self, tmp_path):
        assert_one_sentence(orgrun("verify", tmp_path / "c1.json"), 2, "c1.json cannot be read")

    @pytest.mark.parametrize("text", ["", "{}", "[]", "\x00", '{"schema_version": 9}'])
    def test_a_file_that_is_no_certificate(self, tmp_path, text):
        (tmp_path / "c1.json").write_text(text)
        assert_one_sentence(orgrun("verify", tmp_path / "c1.json"), 2, "not a certificate", "certificates/")

    def test_a_folder(self, tmp_path):
        assert_one_sentence(orgrun("verify", tmp_path), 2, "cannot be read")


class TestSchema:
    def test_a_payload_without_a_name(self):
        assert_one_sentence(orgrun("schema", "payload"), 2, "takes a NAME", "orgrun schema payload result")

    def test_a_name_of_nothing(self):
        assert_one_sentence(orgrun("schema", "role", "result"), 2, "takes a NAME")

    def test_an_unknown_payload(self):
        assert_one_sentence(orgrun("schema", "payload", "resolt"), 2, "did you mean `result`?")

    def test_a_payload_of_an_org(self, org):
        (org / "schemas").mkdir()
        content = {"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]}
        (org / "schemas" / "survey.schema.json").write_text(json.dumps(content))

        said = orgrun("schema", "payload", "survey", "--org", org)

        assert {key: json.loads(said.out)[key] for key in content} == content

    def test_an_org_with_errors(self, org):
        (org / "schemas").mkdir()
        (org / "schemas" / "survey.schema.json").write_text("{")
        assert_one_sentence(orgrun("schema", "payload", "survey", "--org", org), 2, "has errors", "orgrun check")


class TestIdea:
    def test_an_empty_idea(self):
        assert_one_sentence(orgrun("idea", "r1", "  "), 2, "an idea is a text")

    def test_without_its_text(self):
        assert_one_sentence(orgrun("idea", "r1"), 2, "missing argument", "orgrun idea --help")


class TestTheCommand:
    def test_an_unknown_verb(self):
        assert_one_sentence(orgrun("chek"), 2, "no command `chek`", "did you mean `check`")

    def test_a_word_like_no_verb(self):
        assert_one_sentence(orgrun("xyzzy"), 2, "no command `xyzzy`", "orgrun --help")

    def test_an_unknown_option(self, org):
        assert_one_sentence(orgrun("run", org, "--sede", "3"), 2, "--sede", "--seed")

    def test_every_verb_has_help_with_examples(self):
        from orgruntime.cli.main import VERBS

        for verb in VERBS:
            said = orgrun(verb, "-h")
            assert said.code == 0
            assert f"orgrun {verb}" in said.out.partition("Examples:")[2], verb

    def test_help_and_version(self):
        assert orgrun("--help").code == 0
        assert orgrun("--version").out.startswith("orgrun ")

    def test_a_bug_is_one_line_with_the_place_to_report_it(self, monkeypatch):
        import orgruntime.api.checking as checking

        monkeypatch.setattr(checking, "explain", lambda code: 1 / 0)
        said = orgrun("explain", "ORG204")
        assert said.code == 2
        assert len(said.err.splitlines()) == 1
        assert "bug of orgruntime (ZeroDivisionError" in said.err
        assert "issues" in said.err
        assert "Traceback" in orgrun("--debug", "explain", "ORG204").err
        assert "Traceback" in orgrun("explain", "ORG204", "--debug").err
        assert "Traceback" in orgrun("explain", "ORG204", env={"ORGRUN_DEBUG": "1"}).err

    def test_an_interrupt_is_130_without_a_traceback(self, monkeypatch):
        import orgruntime.api.checking as checking

        def interrupted(code: str) -> str:
            raise KeyboardInterrupt

        monkeypatch.setattr(checking, "explain", interrupted)
        assert_one_sentence(orgrun("explain", "ORG204"), 130, "interrupted")

    def test_a_pipe_that_is_closed_ends_quietly(self, org):
        import subprocess
        import sys

        line = f"{sys.executable} -m orgruntime.cli.main plan {org} | true"
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120, check=False)
        assert done.stderr == ""

    def test_a_process_says_it_once_on_stderr(self, tmp_path):
        said = orgrun_process("run", "nowhere", cwd=tmp_path)
        assert said.out == ""
        assert said.err.startswith("orgrun: error: ")
        assert_one_sentence(said, 1, "nowhere", "does not exist")
