"""Logs of results as they are kept in the wild: any header, any words, any width."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgruntime.importer.bare_log import MOST_ROWS, find_logs, meaning, read_log
from orgruntime.model.history import PastResult, PastWord, past_lines
from orgruntime.model.manifest import Direction

TSV = """\
commit\tval_bpb\tmemory_gb\tstatus\tdescription
baseline\t0.997900\t44.0\tkeep\tas it is
a1b2c3d\t0.993200\t44.2\tkeep\tlower rate
b2c3d4e\t0.000000\t0.0\tcrash\trate of 10
c3d4e5f\t1.005000\t44.0\tdiscard\tswap "norms
"""


def rows(folder: Path, text: str, name: str = "results.tsv", metric: str = "val_bpb") -> tuple[PastResult, ...]:
    (folder / name).write_text(text, encoding="utf-8")
    return read_log(folder, Path(name), metric).rows


def test_the_well_known_header(tmp_path: Path) -> None:
    found = rows(tmp_path, TSV)
    assert [(row.line, row.commit, row.metric, row.word) for row in found] == [
        (2, "baseline", 0.9979, PastWord.KEEP),
        (3, "a1b2c3d", 0.9932, PastWord.KEEP),
        (4, "b2c3d4e", None, PastWord.CRASH),
        (5, "c3d4e5f", 1.005, PastWord.DISCARD),
    ]
    assert found[1].note == "lower rate · memory_gb 44.2"
    assert found[3].note == 'swap "norms · memory_gb 44.0'


@pytest.mark.parametrize("word", ["crash", "CRASH", "oom", "timeout", "Failed", "checks_failed"])
@pytest.mark.parametrize("number", ["0.000000", "0", "999", "nan", "", "-"])
def test_what_a_crash_leaves_is_no_number(tmp_path: Path, word: str, number: str) -> None:
    (row,) = rows(tmp_path, f"commit\tval_bpb\tstatus\nabc\t{number}\t{word}\n")
    assert (row.metric, row.word, row.status) == (None, PastWord.CRASH, word)


def test_a_zero_counts_only_where_it_was_kept(tmp_path: Path) -> None:
    text = "commit\terr\tstatus\na\t0.0\tkeep\nb\t0.0\tdiscard\nc\t0.0\tparked\nd\t0.0\t\n"
    assert [row.metric for row in rows(tmp_path, text, metric="err")] == [0.0, None, None, None]


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("keep", PastWord.KEEP),
        ("KEEP ✔", PastWord.KEEP),
        ("New best!", PastWord.KEEP),
        ("保留✔", PastWord.KEEP),
        ("REVERT", PastWord.DISCARD),
        ("回滚", PastWord.DISCARD),
        ("OOM", PastWord.CRASH),
        ("BASELINE", PastWord.BASELINE),
        ("tentative", PastWord.OTHER),
        ("not kept", PastWord.OTHER),
        ("", PastWord.OTHER),
    ],
)
def test_status_words(status: str, word: PastWord) -> None:
    assert meaning(status) is word


def test_an_unknown_word_is_kept_as_it_is(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, "commit\tval_bpb\tstatus\tnotes\nx\t0.9\tcontender\tnear\n")
    assert (row.word, row.status, row.metric, row.note) == (PastWord.OTHER, "contender", 0.9, "near")


def test_columns_in_another_order(tmp_path: Path) -> None:
    text = "experiment_id\tstatus\tval_bpb\tmemory_gb\tdescription\ne1\tkeep\t0.9\t44\twider\n"
    (row,) = rows(tmp_path, text)
    assert (row.commit, row.metric, row.word, row.note) == ("e1", 0.9, PastWord.KEEP, "wider · memory_gb 44")


def test_commas_and_quotes(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, 'commit,val_bpb,status,description\nx,0.9,keep,"wider, and deeper"\n', "results.csv")
    assert (row.metric, row.note) == (0.9, "wider, and deeper")


def test_rows_of_the_wrong_width(tmp_path: Path) -> None:
    text = TSV + "e\t0.95\t44\tkeep\twider\tmore\tand more\nf\t0.94\ng\t12\t0.93\tkeep\t44\n"
    found = rows(tmp_path, text)[4:]
    assert [(row.metric, row.word) for row in found] == [
        (0.95, PastWord.KEEP),
        (None, PastWord.OTHER),
        (12.0, PastWord.KEEP),
    ]
    assert found[0].note == "wider · more · and more · memory_gb 44"
    assert found[1].note == "f · 0.94"


def test_a_log_without_a_header_is_words(tmp_path: Path) -> None:
    (row, *_) = rows(tmp_path, "a1b2c3d\t0.99\tkeep\twider\n")
    assert (row.metric, row.note) == (None, "a1b2c3d · 0.99 · keep · wider")


def test_a_log_of_another_metric_has_no_numbers(tmp_path: Path) -> None:
    (tmp_path / "results.tsv").write_text(TSV)
    log = read_log(tmp_path, Path("results.tsv"), "val_acc")
    assert log.column == ""
    assert {row.metric for row in log.rows} == {None}


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"\0" * 50, b"commit\tval_bpb\n", b'"' * 1000])
def test_a_broken_log_is_no_fault(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "results.csv").write_bytes(data)
    for row in read_log(tmp_path, Path("results.csv"), "val_bpb").rows:
        assert row.metric is None
        assert row.note.isprintable()


def test_the_newest_rows_of_a_long_log(tmp_path: Path) -> None:
    (tmp_path / "results.tsv").write_text("commit\tval_bpb\n" + "".join(f"c{n}\t{n}.5\n" for n in range(MOST_ROWS + 7)))
    log = read_log(tmp_path, Path("results.tsv"), "val_bpb")
    assert (len(log.rows), log.left_out, log.rows[0].commit) == (MOST_ROWS, 7, "c7")


def test_which_logs_there_are(tmp_path: Path) -> None:
    for name in ("results.tsv", "results_old.csv", "my-results.tsv", "data.tsv", "results.md"):
        (tmp_path / name).write_text("a\tb\n")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "runs.tsv").write_text("a\tb\n")
    found = {path.as_posix() for path in find_logs(tmp_path, "logs/runs.tsv")}
    assert found == {"results.tsv", "results_old.csv", "my-results.tsv", "logs/runs.tsv"}
    assert find_logs(tmp_path, "../../secret.tsv") == find_logs(tmp_path, None)


def test_a_history_in_words(tmp_path: Path) -> None:
    lines = past_lines(rows(tmp_path, TSV), Direction.MINIMIZE)
    assert lines == (
        "results.tsv: 4 rows (2 keep, 1 discard, 1 crash)",
        "keep 0.9932: lower rate · memory_gb 44.2",
        "keep 0.9979: as it is · memory_gb 44.0",
        'discard 1.005: swap "norms · memory_gb 44.0',
        "crash: rate of 10 · memory_gb 0.0",
    )
    assert past_lines(rows(tmp_path, TSV), Direction.MAXIMIZE)[1].startswith("keep 0.9979")
    assert past_lines((), Direction.MINIMIZE) == ()
