"""`orgrun check` for machines and over time: formats, severities, ignored files, baselines, watching."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from cli_cases import assert_one_sentence, orgrun, orgrun_process
from warm import Orgrun

TEXT = {"type": "object", "properties": {"text": {"type": "string"}, "markdown": {"type": "string"}}}
SARIF_SUBSET = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"enum": ["2.1.0"]},
        "runs": {"type": "array", "items": {"$ref": "#/$defs/run"}},
    },
    "$defs": {
        "level": {"enum": ["none", "note", "warning", "error"]},
        "text": {**TEXT, "required": ["text"], "additionalProperties": False},
        "run": {
            "type": "object",
            "required": ["tool"],
            "additionalProperties": False,
            "properties": {
                "tool": {
                    "type": "object",
                    "required": ["driver"],
                    "additionalProperties": False,
                    "properties": {"driver": {"$ref": "#/$defs/driver"}},
                },
                "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                "results": {"type": "array", "items": {"$ref": "#/$defs/result"}},
            },
        },
        "driver": {
            "type": "object",
            "required": ["name"],
            "additionalProperties": False,
            "properties": {
                "name": {"type": "string"},
                "version": {"type": "string"},
                "informationUri": {"type": "string", "format": "uri"},
                "rules": {"type": "array", "uniqueItems": True, "items": {"$ref": "#/$defs/rule"}},
            },
        },
        "rule": {
            "type": "object",
            "required": ["id"],
            "additionalProperties": False,
            "properties": {
                "id": {"type": "string"},
                "name": {"type": "string"},
                "shortDescription": {"$ref": "#/$defs/text"},
                "help": {"$ref": "#/$defs/text"},
                "defaultConfiguration": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"level": {"$ref": "#/$defs/level"}},
                },
            },
        },
        "result": {
            "type": "object",
            "required": ["message"],
            "additionalProperties": False,
            "properties": {
                "ruleId": {"type": "string"},
                "ruleIndex": {"type": "integer", "minimum": 0},
                "level": {"$ref": "#/$defs/level"},
                "message": {"$ref": "#/$defs/text"},
                "locations": {"type": "array", "items": {"$ref": "#/$defs/location"}},
                "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        },
        "location": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "physicalLocation": {
                    "type": "object",
                    "required": ["artifactLocation"],
                    "additionalProperties": False,
                    "properties": {
                        "artifactLocation": {
                            "type": "object",
                            "additionalProperties": False,
                            "properties": {"uri": {"type": "string", "format": "uri-reference"}},
                        },
                        "region": {
                            "type": "object",
                            "additionalProperties": False,
                            "properties": {
                                name: {"type": "integer", "minimum": 1}
                                for name in ("startLine", "startColumn", "endLine", "endColumn")
                            },
                        },
                    },
                }
            },
        },
    },
}
"""What the official schema of SARIF 2.1.0 says of the parts that are written."""


@pytest.fixture
def faulty(org: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An org with errors, a warning and infos, seen from the folder above."""
    monkeypatch.chdir(org.parent)
    text = (org / "program.md").read_text()
    text = text.replace("objective:", "objectiv:").replace("budget:", "budgets:")
    (org / "program.md").write_text(text)
    (org / "roles" / "idle.md").write_text("---\nname: Idle\ncolor: red\n---\n\nWords\u200b.\n")
    return Path(org.name)


def codes(*words: object) -> list[str]:
    return [one["code"] for one in json.loads(orgrun("check", *words, "--json").out)["diagnostics"]]


def test_sarif_is_what_its_schema_says(faulty: Path) -> None:
    said = orgrun("check", faulty, "--format", "sarif")
    log = json.loads(said.out)
    assert said.code == 1
    jsonschema.Draft202012Validator(
        SARIF_SUBSET, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(log)
    assert [one["ruleId"] for one in log["runs"][0]["results"]] == codes(faulty)
    for rule in log["runs"][0]["tool"]["driver"]["rules"]:
        assert rule["help"]["markdown"].startswith(f"# {rule['id']} {rule['name']}")


def test_the_subset_of_the_schema_can_fail(faulty: Path) -> None:
    log = json.loads(orgrun("check", faulty, "--format", "sarif").out)
    log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SARIF_SUBSET).validate(log)


def test_github_gets_one_command_a_finding(faulty: Path) -> None:
    said = orgrun("check", faulty, "--format", "github")
    *commands, counted = said.out.splitlines()
    assert said.code == 1
    assert len(commands) == len(codes(faulty))
    assert all(line.startswith(("::error file=lab/", "::warning file=lab/", "::notice file=lab/")) for line in commands)
    assert "3 errors" in counted


def test_every_format_says_the_same_twice(faulty: Path) -> None:
    for form in ("full", "concise", "json", "sarif", "github"):
        assert orgrun("check", faulty, "--format", form) == orgrun("check", faulty, "--format", form)


def test_file_names_that_are_no_text_break_no_format(faulty: Path) -> None:
    for name in (b"\xff.md", b"\n::error::x.md", b"\x1b[31m.md"):
        Path(os.fsdecode(os.fsencode(faulty / "roles") + b"/" + name)).write_text("---\nname: x\ntols: 1\n---\n\nW.\n")
    done = {form: checked_process(faulty, form) for form in ("full", "concise", "json", "sarif", "github")}
    assert {code for code, _ in done.values()} == {1}
    for form in ("json", "sarif"):
        assert "udcff" in json.dumps(json.loads(done[form][1])) or "%FF.md" in done[form][1].decode()
    for form in ("full", "concise", "github"):
        assert b"\x1b" not in done[form][1]
        assert b"\n::error::x" not in done[form][1]
    written = orgrun("check", faulty / "roles", "--baseline", "known.json", "--write-baseline")
    assert written.code == 0
    assert orgrun("check", faulty / "roles", "--strict", "--baseline", "known.json").code == 0


def checked_process(path: Path, form: str) -> tuple[int, bytes]:
    done = orgrun_process("check", path, path / "roles", "--format", form, cwd=Path.cwd())
    assert "Traceback" not in done.err
    return done.code, done.out.encode()


class TestSeverities:
    def test_a_rule_is_off_and_that_is_said(self, faulty: Path) -> None:
        said = orgrun("check", faulty, "--severity", "unknown-key=off")
        assert "ORG113" not in said.out
        assert "2 not shown, as the command line says" in said.out
        assert json.loads(orgrun("check", faulty, "--severity", "ORG113=off", "--json").out)["hidden"] == 2

    def test_the_exit_code_follows_the_severities(self, faulty: Path) -> None:
        errors = [f"--severity={code}=warning" for code in ("ORG113", "ORG115")]
        assert orgrun("check", faulty, *errors).code == 0
        assert orgrun("check", faulty, *errors, "--strict").code == 1
        assert orgrun("check", faulty, *errors, "--severity", "unused-role-file=error").code == 1

    def test_files_are_ignored_by_pattern(self, faulty: Path) -> None:
        assert "ORG211" in codes(faulty)
        assert "ORG211" not in codes(faulty, "--ignore", "lab/roles/*=ORG211")
        assert "ORG211" in codes(faulty, "--ignore", "roles/*=ORG211")
        assert codes(faulty, "--ignore", "lab/*=*") == []

    def test_a_file_beside_the_org_sets_rules_for_good(self, faulty: Path) -> None:
        (faulty / ".orgrun.toml").write_text(
            '[check.severity]\nunknown-key = "off"\n[check.ignore]\n"roles/*" = ["ORG211"]\n'
        )
        assert not {"ORG113", "ORG211"} & set(codes(faulty))
        assert "3 not shown, as lab/.orgrun.toml says" in orgrun("check", faulty).out
        assert "ORG113" in codes(faulty, "--severity", "ORG113=info")
        assert {"ORG113", "ORG211"} <= set(codes(faulty, "--isolated"))

    def test_the_file_is_found_above_the_org_within_its_repository(self, faulty: Path) -> None:
        Path(".orgrun.toml").write_text('check.severity.ORG113 = "off"\n')
        assert "ORG113" in codes(faulty)
        Path(".git").mkdir()
        assert "ORG113" not in codes(faulty)

    def test_a_run_does_not_read_the_file(self, faulty: Path) -> None:
        (faulty / ".orgrun.toml").write_text('[check.ignore]\n"*" = "*"\n')
        assert orgrun("check", faulty).code == 0
        assert_one_sentence(orgrun("plan", faulty), 1, "ORG113")

    @pytest.mark.parametrize(
        ("text", "needed"),
        [
            ("[check", "is not TOML"),
            ("[chek]\n", "unknown key `chek`; did you mean `check`?"),
            ("[check.severities]\n", "unknown key `severities`; did you mean `severity`?"),
            ('[check.severity]\nORG1 = "off"\n', "no rule is called `ORG1`"),
            ("[check.severity]\nORG113 = 3\n", "must be a word"),
            ("check = 3\n", "must be a table"),
            ('[check.ignore]\n"x" = 3\n', "list of rules"),
            ('[check.ignore]\n"x" = [3]\n', "list of rules"),
            ("x = 1\n" * 20_000, "larger than 64 KiB"),
        ],
    )
    def test_a_settings_file_that_is_wrong(self, faulty: Path, text: str, needed: str) -> None:
        (faulty / ".orgrun.toml").write_text(text)
        assert_one_sentence(orgrun("check", faulty), 2, "lab/.orgrun.toml", needed)

    def test_a_settings_file_cannot_move_the_cursor(self, faulty: Path) -> None:
        for text in (
            '["\\u001b[31mx"]\n',
            '[check.severity]\n"\\u001b[31mx" = "off"\n',
            "[check.ignore]\n'\x1b' = 3\n",
        ):
            (faulty / ".orgrun.toml").write_text(text)
            said = orgrun("check", faulty)
            assert said.code == 2
            assert "\x1b" not in said.out + said.err

    def test_a_settings_file_of_odd_bytes(self, faulty: Path) -> None:
        (faulty / ".orgrun.toml").write_bytes(b"\xff\xfe")
        assert_one_sentence(orgrun("check", faulty), 2, "lab/.orgrun.toml", "cannot be read")

    def test_words_that_are_wrong(self, faulty: Path) -> None:
        assert_one_sentence(orgrun("check", faulty, "--severity", "ORG113"), 2, "KEY=VALUE", "--severity ORG210=off")
        assert_one_sentence(orgrun("check", faulty, "--severity", "ORG113=of"), 2, "`of` is no severity", "`off`")
        assert_one_sentence(orgrun("check", faulty, "--ignore", "x=unknown-kee"), 2, "did you mean `unknown-key`")


class TestBaselines:
    def test_known_findings_pass_and_a_new_one_fails(self, faulty: Path) -> None:
        written = orgrun("check", faulty, "--baseline", "known.json", "--write-baseline")
        assert written.code == 0
        assert "known.json accepts" in written.out
        said = orgrun("check", faulty, "--baseline", "known.json", "--strict")
        assert said.code == 0
        assert "known from the baseline" in said.out

        program = faulty / "program.md"
        program.write_text(program.read_text().replace("---\n", "---\n# a remark\n\n", 1) + "\n## Workflow\n\n1. x\n")
        said = orgrun("check", faulty, "--baseline", "known.json", "--json")
        assert said.code == 1
        assert [one["code"] for one in json.loads(said.out)["diagnostics"] if one["severity"] == "error"] == ["ORG124"]

    def test_it_means_the_same_from_another_folder(self, faulty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        orgrun("check", faulty, "--baseline", faulty / "known.json", "--write-baseline")
        monkeypatch.chdir(faulty)
        assert orgrun("check", ".", "--baseline", "known.json").code == 0
        assert orgrun("check", Path.cwd(), "--baseline", "known.json").code == 0

    def test_what_is_gone_is_said(self, faulty: Path) -> None:
        orgrun("check", faulty, "--baseline", "known.json", "--write-baseline")
        (faulty / "program.md").write_text((faulty / "program.md").read_text().replace("budgets:", "budget:"))
        said = orgrun("check", faulty, "--baseline", "known.json")
        assert "2 of it are gone: write it anew" in said.out
        found = json.loads(orgrun("check", faulty, "--baseline", "known.json", "--json").out)
        assert found["baseline"]["gone"] == 2

    def test_a_baseline_that_is_not_there_or_broken(self, faulty: Path) -> None:
        said = orgrun("check", faulty, "--baseline", "known.json")
        assert_one_sentence(said, 2, "there is no baseline known.json", "--write-baseline")
        for content in (b"{", b"\xff", b"[]", b'{"orgrun_baseline": 1}'):
            Path("known.json").write_bytes(content)
            said = orgrun("check", faulty, "--baseline", "known.json")
            assert_one_sentence(said, 2, "known.json cannot be read", "--write-baseline")
        assert_one_sentence(orgrun("check", faulty, "--write-baseline"), 2, "--baseline known.json")
        said = orgrun("check", faulty, "--baseline", "no/where.json", "--write-baseline")
        assert_one_sentence(said, 2, "no/where.json", "cannot be written")

    def test_it_can_be_written_over_a_broken_one(self, faulty: Path) -> None:
        Path("known.json").write_text("{")
        assert orgrun("check", faulty, "--baseline", "known.json", "--write-baseline").code == 0
        assert orgrun("check", faulty, "--baseline", "known.json").code == 0
        assert [path.name for path in Path().iterdir() if path.name.startswith(".known")] == []


class TestCache:
    @pytest.fixture
    def stores(self, org: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("ORGRUN_CACHE", str(tmp_path / "cache"))
        for number in range(70):
            (org / "roles" / f"idle-{number}.md").write_text(f"---\nname: Idle {number}\n---\n\nWords.\n")
        return tmp_path / "cache"

    def test_a_large_org_is_remembered_outside_of_it(self, org: Path, stores: Path) -> None:
        first = orgrun("check", org)
        assert len(list(stores.iterdir())) == 2
        assert orgrun("check", org) == first == orgrun("check", org, "--no-cache")
        assert not (org / ".orgrun").exists()

    def test_nothing_is_remembered_where_that_is_asked(self, org: Path, stores: Path) -> None:
        assert orgrun("check", org, "--no-cache").code == 0
        assert not stores.exists()


class TestWatch:
    def test_it_says_what_changed_and_ends_by_ctrl_c(self, org: Path, tmp_path: Path) -> None:
        out, err = tmp_path / "out", tmp_path / "err"
        with out.open("wb") as to, err.open("wb") as errors:
            words = ("check", "lab", "--watch", "--format", "concise")
            watching = Orgrun(*words, cwd=org.parent, stdout=to, stderr=errors)
            try:
                until(lambda: "no faults" in out.read_text() or "info" in out.read_text())
                program = org / "program.md"
                text = program.read_text()
                program.write_text(text.replace("objective:", "objectiv:"))
                until(lambda: "ORG113" in out.read_text())
                (org / ".orgrun.toml").write_text("[check")
                until(lambda: "is not TOML" in out.read_text())
                assert watching.poll() is None
                watching.send_signal(signal.SIGINT)
                assert watching.wait(120) == 130
            finally:
                watching.kill()
                watching.wait()
        assert "something has changed" in out.read_text()
        assert err.read_text().strip() == "orgrun: interrupted"

    def test_json_is_one_object_a_line(self, org: Path) -> None:
        watching = Orgrun(
            "check", "lab", "--watch", "--json", cwd=org.parent, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            assert watching.stdout is not None
            first = json.loads(watching.stdout.readline())
            (org / "roles" / "idle.md").write_text("---\nname: Idle\n---\n\nWords.\n")
            second = json.loads(watching.stdout.readline())
        finally:
            watching.send_signal(signal.SIGINT)
            watching.communicate(timeout=120)
        assert "ORG211" not in {one["code"] for one in first["diagnostics"]}
        assert "ORG211" in {one["code"] for one in second["diagnostics"]}

    def test_what_it_does_not_go_with(self, org: Path) -> None:
        for words in (["--format", "sarif"], ["--baseline", "b.json", "--write-baseline"]):
            assert_one_sentence(orgrun("check", org, "--watch", *words), 2, "--watch goes with")


def until(holds: Callable[[], bool], timeout: float = 120) -> None:
    end = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
