"""Wrong words about a run on the head of a cluster: one sentence, the code, the remedy; no Ray is started."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cli_cases import assert_one_sentence, orgrun

NOBODY = "http://127.0.0.1:9"


@pytest.mark.parametrize("words", [("status",), ("run", "lab", "--detach"), ("plan", "lab"), ("report",)])
def test_where_no_job_server_answers(org: Path, words: tuple[str, ...]) -> None:
    said = orgrun(*(org if word == "lab" else word for word in words), "--address", NOBODY)
    assert_one_sentence(said, 1, "no job server answers at http://127.0.0.1:9", "http://HEAD:8265", "ssh -N -L")


def test_without_rays_client_for_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    assert_one_sentence(orgrun("ls", "--address", NOBODY), 1, "pip install 'orgruntime[jobs]'")


@pytest.mark.parametrize("verb", ["status", "stop", "logs", "ls", "report", "idea", "answer"])
def test_an_address_of_ray_itself_is_no_job_servers(verb: str) -> None:
    words = ("r1", "try it") if verb == "idea" else ()
    assert_one_sentence(orgrun(verb, *words, "--address", "10.0.0.1:6379"), 2, "http://HEAD:8265", "--runs")


def test_a_ray_client_is_refused_with_what_to_do_instead(org: Path) -> None:
    said = orgrun("run", org, "--address", "ray://10.0.0.1:10001")
    assert_one_sentence(said, 1, "Ray Client", "http://HEAD:8265", "--address auto")
    assert "orgrun resume" not in said.err, "nothing began"


def test_only_a_run_on_a_head_can_be_let_go_of(org: Path) -> None:
    assert_one_sentence(orgrun("run", org, "--detach"), 2, "--address http://HEAD:8265")
    assert_one_sentence(orgrun("resume", "--detach"), 2, "--address http://HEAD:8265")


def test_a_bare_program_is_imported_first(tmp_path: Path) -> None:
    (tmp_path / "program.md").write_text("# Experiment\n\nRun `python train.py`; lower `loss` is better.\n")
    assert_one_sentence(orgrun("run", tmp_path, "--address", NOBODY), 2, "orgrun import")
