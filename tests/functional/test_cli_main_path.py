"""The main path with a real local Ray: init, run, and everything that a person does with a finished run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cli_cases import assert_one_sentence, orgrun, orgrun_process

from orgruntime.api.patches import apply_patch
from orgruntime.ledger.audit import audit

pytestmark = [pytest.mark.ray, pytest.mark.slow(40)]

STATUS_KEYS = {
    "run", "org", "state", "reason", "objective", "noise", "baseline", "lead", "champion", "ideas", "trials", "spend",
    "budget", "isolation", "folder",
}  # fmt: skip
CHAMPION_KEYS = {"commit", "metric", "gain", "gain_interval", "gain_percent", "e_value", "certificate"}


def test_a_run_prints_events_and_ends_with_its_state(finished):
    assert {"started", "noise", "trial", "lead", "ended"} <= {event["event"] for event in finished.events}
    assert all(set(event) == {"event", "text", "data"} for event in finished.events)
    status = finished.status
    assert set(status) >= STATUS_KEYS
    assert status["state"] == "finished"
    assert set(status["objective"]) == {"metric", "direction"}
    assert set(status["noise"]) == {"sd", "pairs", "correlation"}
    assert set(status["trials"]) == {"total", "keep", "discard", "crash", "inconclusive", "running", "interrupted"}
    assert set(status["spend"]) == {"gpu_seconds", "cpu_seconds", "tokens", "usd", "wall_seconds"}
    assert 10 < status["trials"]["total"] <= 60
    assert status["trials"]["running"] == 0


def test_the_toy_has_a_champion_that_is_far_better_than_its_baseline(finished):
    champion = finished.status["champion"]
    assert set(champion) >= CHAMPION_KEYS
    low, high = champion["gain_interval"]
    assert 0 < low < champion["gain"] < high
    assert champion["gain_percent"] > 50


def test_the_ledger_of_the_run_passes_its_audit(finished):
    assert audit(finished.folder / "ledger.db") == []


def test_status_reads_what_the_run_ended_with(finished):
    said = orgrun("status", "--runs", finished.runs, "--json")
    assert said.code == 0
    now = json.loads(said.out)
    assert {**now, "folder": "", "roles": []} == {**finished.status, "folder": "", "roles": []}
    words = orgrun("status", "r1", "--runs", finished.runs)
    assert words.code == 0
    assert "champion" in words.out
    assert "finished" in words.out


def test_ls_lists_it(finished):
    said = orgrun("ls", "--runs", finished.runs)
    assert said.code == 0
    assert "r1" in said.out
    listed = json.loads(orgrun("ls", "--runs", finished.runs, "--json").out)
    assert [one["run"] for one in listed] == ["r1"]


def test_resume_of_a_run_that_is_over_is_refused(finished):
    assert_one_sentence(orgrun("resume", "r1", "--runs", finished.runs), 2, "is over", "orgrun report r1")


def test_an_idea_for_a_run_that_is_over_is_refused(finished):
    said = orgrun("idea", "r1", "try DEGREE = 7", "--runs", finished.runs)
    assert_one_sentence(said, 1, "is over")


def test_stop_of_a_run_without_a_driver_says_so(finished):
    said = orgrun("stop", "--runs", finished.runs)
    assert_one_sentence(said, 0, "no driver", "finished")


def test_a_used_run_id_is_refused(finished):
    said = orgrun("run", finished.home / "lab", "--run-id", "r1", "--runs", finished.runs)
    assert_one_sentence(said, 2, "r1 is used already", "orgrun resume r1")


def test_report_writes_its_files(finished):
    said = orgrun("report", "--runs", finished.runs, "--json")
    assert said.code == 0
    paths = json.loads(said.out)
    assert set(paths) == {"progress.png", "report.html", "results.tsv", "champion.patch"}
    assert all(Path(path).stat().st_size > 0 for path in paths.values())
    assert Path(paths["progress.png"]).read_bytes().startswith(b"\x89PNG")
    assert "model.py" in Path(paths["champion.patch"]).read_text()


def test_the_patch_of_the_champion_applies_to_the_workspace(finished, tmp_path):
    workspace = tmp_path / "workspace"
    shutil.copytree(finished.home / "lab" / "workspace", workspace)
    orgrun("report", "--runs", finished.runs)
    patch = (finished.folder / "report" / "champion.patch").read_text()
    changed = apply_patch(patch, lambda path: (workspace / path).read_bytes())
    assert set(changed) == {"model.py"}
    assert changed["model.py"] != (workspace / "model.py").read_bytes()


def test_logs_prints_events_and_what_a_trial_printed(finished):
    lines = orgrun("logs", "--runs", finished.runs).out.splitlines()
    assert len(lines) > 50
    assert orgrun("logs", "-n", "3", "--runs", finished.runs).out.splitlines() == lines[-3:]
    first = json.loads(orgrun("logs", "-n", "1", "--json", "--runs", finished.runs).out)
    assert set(first) == {"seq", "t", "kind", "subject", "body"}
    trial = orgrun("logs", "r1", "1", "--runs", finished.runs)
    assert "val_loss:" in trial.out
    assert trial.out == orgrun("logs", "1", "--runs", finished.runs).out
    assert_one_sentence(orgrun("logs", "r1", "999", "--runs", finished.runs), 2, "no trial '999'", "1 to")


def test_every_trial_and_proposal_says_which_dial_decided(finished):
    newest = json.loads(orgrun("explain", "decisions", "--runs", finished.runs, "--json").out)["decisions"]
    assert newest
    number = newest[-1]["number"]
    one = json.loads(orgrun("explain", f"d{number}", "--run", "r1", "--runs", finished.runs, "--json").out)
    assert one["decisions"] == [newest[-1]]
    first = orgrun("explain", "1", "--runs", finished.runs).out
    assert "a noise trial of" in first
    assert "[baseline first]" in first
    trial = next(e["data"] for e in finished.events if e["event"] == "trial" and e["data"]["proposal"])
    told = orgrun("explain", trial["proposal"], "--runs", finished.runs).out
    assert f"{trial['proposal']} → " in told
    assert "start-trial" in told
    assert_one_sentence(orgrun("explain", "d999999", "--runs", finished.runs), 2, "no decision d999999", "decisions")
    assert_one_sentence(orgrun("explain", "pq999.9", "--runs", finished.runs), 2, "has no trial", "its trials are")


def test_every_certificate_verifies_by_arithmetic_beside_its_run_and_alone(finished, tmp_path):
    certificates = sorted((finished.folder / "certificates").glob("*.json"))
    assert certificates
    for certificate in certificates:
        said = orgrun("verify", certificate, "--arithmetic")
        assert said.code == 0, said.out
        assert "ok   record" in said.out
    alone = tmp_path / "c1.json"
    shutil.copy(certificates[0], alone)
    said = orgrun("verify", alone, "--arithmetic", "--json")
    assert said.code == 0, said.out
    assert json.loads(said.out)["verified"] is True


def test_a_certificate_is_measured_again_to_the_last_bit(finished):
    certificate = finished.folder / "certificates" / "c1.json"
    said = orgrun_process("verify", certificate, "--json", "--cpus", "2", cwd=finished.home)
    assert said.code == 0, said.err
    rerun = json.loads(said.out)["rerun"]
    assert rerun["e_value"] >= rerun["threshold"]
    assert rerun["identical"] == rerun["measured"] == 2 * len(rerun["pairs"])


def _tampered(finished, tmp_path: Path, change) -> str:
    certificate = json.loads((finished.folder / "certificates" / "c1.json").read_text())
    change(certificate)
    path = tmp_path / "tampered.json"
    path.write_text(json.dumps(certificate))
    said = orgrun("verify", path, "--arithmetic")
    assert said.code == 1, said.out
    assert "NOT VERIFIED" in said.out
    return said.out


def test_a_changed_metric_is_found(finished, tmp_path):
    def change(certificate):
        certificate["pairs"][1]["lead"] -= 0.01

    assert "pair 2 (seed" in _tampered(finished, tmp_path, change)


def test_a_pair_that_is_left_out_is_found(finished, tmp_path):
    assert "the pairs give an e-value" in _tampered(finished, tmp_path, lambda c: c["pairs"].pop())


def test_a_pair_that_is_counted_twice_is_found(finished, tmp_path):
    said = _tampered(finished, tmp_path, lambda c: c["pairs"].append(c["pairs"][0]))
    assert "a seed is used twice" in said


def test_a_lowered_threshold_is_found(finished, tmp_path):
    assert "FAIL threshold" in _tampered(finished, tmp_path, lambda c: c.update(threshold=c["threshold"] / 2))


def test_a_boasted_gain_is_found(finished, tmp_path):
    assert "FAIL reported gain" in _tampered(finished, tmp_path, lambda c: c.update(total_gain=c["total_gain"] * 2))


def test_another_patch_is_found(finished, tmp_path):
    def change(certificate):
        lines = certificate["patch"].split("\n")
        at = next(i for i, line in enumerate(lines) if line.startswith("+") and not line.startswith("+++"))
        lines[at] += "  # and more"
        certificate["patch"] = "\n".join(lines)

    assert "FAIL code" in _tampered(finished, tmp_path, change)


def test_beside_its_run_any_change_is_named(finished):
    certificate = finished.folder / "certificates" / "c1.json"
    forged = finished.folder / "certificates" / "forged.json"
    content = json.loads(certificate.read_text())
    content["environment"] = {"python": "4.0"}
    forged.write_text(json.dumps(content))
    try:
        said = orgrun("verify", forged, "--arithmetic")
    finally:
        forged.unlink()
    assert said.code == 1
    assert "differs from the ledger of run r1 in: environment" in said.out


def test_a_workspace_that_has_changed_since_is_named(finished, tmp_path):
    copy = tmp_path / "workspace"
    shutil.copytree(finished.home / "lab" / "workspace", copy)
    (copy / "measure.py").write_text("print('val_loss: 0')\n")

    def change(certificate):
        certificate["workspace_source"] = str(copy)

    assert "is not what the run started from" in _tampered(finished, tmp_path, change)
