"""Logs of results as they are kept in the wild: any header, any words, any width."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgruntime.importer.bare_log import MOST_ROWS, find_logs, read_log
from orgruntime.importer.bare_status import meaning
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


WORDS = {
    PastWord.KEEP: """
        keep | KEEP | KEEP ✔ | kept | Keep. | keep! | KEEP (simpler) | keep - 2% | New best! | NEW_BEST |
        newBest | best so far | 保留✔ | ✔ | ✅ | ✓ kept | accepted | improved | improvement | better | advance |
        merged | ok | OK | success | SUCCESS | succeeded | pass | passed | partial | tentative | support |
        supported | contender | repair | winner | adopted
    """,
    PastWord.DISCARD: """
        discard | DISCARD | discarded | discard (worse) | discard: no gain | revert | REVERT | reverted | rolled
        back | rollback | 回滚 | rejected | worse | slightly worse | regression | not kept | no improvement | did
        not improve | not better | didn't improve | dropped | inconclusive | parked | shelved | neutral | same |
        tie | ❌ | ✗ | abandoned | no gain
    """,
    PastWord.CRASH: """
        crash | CRASH | crashed | crash (oom) | CRASH: cuda | fail-oom | failed | Failure | checks_failed |
        nan_loss | NaN | NaN loss | DISCARD_OOM | OOM | oom | OOM at step 3 | out of memory | out of GPU memory
        | out_of_memory | timeout | TIMED OUT | timed_out | time-out | killed | invalid | error | RuntimeError:
        x error | diverged | divergence | aborted | segfault | did not finish | exception | 💥 | 崩溃 | discard
        (crashed) | inf
    """,
    PastWord.BASELINE: """
        baseline | BASELINE | Baseline run | base | reference | initial | 基线
    """,
    PastWord.OTHER: """
        | - | running | pending | ? | todo | queued | blorp | 0.93 | see notes | not rejected | skipped
    """,
}


def test_a_row_of_zeros_is_none_whatever_it_says(tmp_path: Path) -> None:
    text = "commit\tval_bpb\tmemory_gb\tstatus\na\t0.000000\t0.0\tkeep\nb\t0.000000\t4.0\tkeep\n"
    assert [row.metric for row in rows(tmp_path, text)] == [None, 0.0]


def test_status_words() -> None:
    said = {word: [one.strip() for one in words.split("|")] for word, words in WORDS.items()}
    assert sum(map(len, said.values())) >= 110
    for word, statuses in said.items():
        for status in statuses:
            assert meaning(" ".join(status.split())) is word, status
    assert meaning("") is PastWord.OTHER
    assert meaning("ok (no crash)") is PastWord.KEEP


HEADERS = [
    # header, metric, which columns are the metric, the status, the commit
    ("commit val_bpb memory_gb status description", "val_bpb", "val_bpb status commit"),
    ("commit|val loss|keep?", "loss", "val loss|keep?|commit"),
    ("commit|Val Loss|Status", "val_loss", "Val Loss|Status|commit"),
    ("Commit|Loss (lower is better)|Verdict", "loss", "Loss (lower is better)|Verdict|Commit"),
    ("sha|loss ↓|decision", "loss", "loss ↓|decision|sha"),
    ("hash|test_loss|outcome", "loss", "test_loss|outcome|hash"),
    ("id|final loss|kept", "loss", "final loss|kept|id"),
    ("exp_id|valLoss|status", "val_loss", "valLoss|status|exp_id"),
    ("experiment|val-loss|result", "val_loss", "val-loss|result|experiment"),
    ("run|metric|status", "loss", "metric|status|run"),
    ("iter|primary_metric|accepted", "loss", "primary_metric|accepted|iter"),
    ("trial|loss|improved", "loss", "loss|improved|trial"),
    ("git_commit|loss|keep/discard", "loss", "loss|keep/discard|git_commit"),
    ("commit hash|loss|Final status", "loss", "loss|Final status|commit hash"),
    ("git sha|loss|keep or discard", "loss", "loss|keep or discard|git sha"),
    ("revision|LOSS|STATE", "loss", "LOSS|STATE|revision"),
    ("Run ID|Loss|Action", "loss", "Loss|Action|Run ID"),
    ("commit|loss delta|status", "loss", "|status|commit"),
    ("commit|best loss|status", "loss", "|status|commit"),
    ("commit|loss_std|status", "loss", "|status|commit"),
    ("commit|train_loss|status", "loss", "|status|commit"),
    ("commit|baseline_loss|status", "loss", "|status|commit"),
    ("commit|val_loss|test_loss|status", "loss", "|status|commit"),
    ("commit|loss|test_loss|status", "loss", "loss|status|commit"),
    ("timestamp|val_loss|notes", "loss", "val_loss||"),
    ("name|gloss|notes", "loss", "||"),
]


def test_headers(tmp_path: Path) -> None:
    """Each in the four ways in which cells are told apart, with and without a comment above it."""
    number = 0
    for header, metric, columns in HEADERS:
        names, wanted = header.split("|"), columns.split("|")
        if "|" not in header:
            names, wanted = header.split(), columns.split()
        for sign, above in (("\t", ""), (",", "# my, log\n\n"), (";", ""), (" | ", "# kept by hand\n")):
            cells = ["c1" if name == wanted[2] else "keep" if name == wanted[1] else "0.5" for name in names]
            (row,) = rows(tmp_path, f"{above}{sign.join(names)}\n{sign.join(cells)}\n", metric=metric)
            assert row.metric == (0.5 if wanted[0] else None), (header, sign)
            assert row.word is (PastWord.KEEP if wanted[1] else PastWord.OTHER), (header, sign)
            assert row.commit == ("c1" if wanted[2] else ""), (header, sign)
            number += 1
    assert number >= 100


@pytest.mark.parametrize(
    ("kept", "word"),
    [("yes", "keep"), ("True", "keep"), ("1", "keep"), ("✓", "keep"), ("no", "discard"), ("0", "discard"),
     ("False", "discard"), ("crash", "crash"), ("maybe", "other")],
)  # fmt: skip
def test_a_column_that_says_whether_it_was_kept(tmp_path: Path, kept: str, word: str) -> None:
    (row,) = rows(tmp_path, f"commit\tloss\tkept?\na\t0.4\t{kept}\n", metric="loss")
    assert (row.word, row.status) == (word, kept)


def test_that_it_ran_is_not_that_it_was_kept(tmp_path: Path) -> None:
    text = "commit,loss,status,kept\na,0.4,ok,no\nb,0.3,ok,yes\nc,9,crash,yes\n"
    assert [row.word for row in rows(tmp_path, text, metric="loss")] == ["discard", "keep", "crash"]


@pytest.mark.parametrize("row", ["99999\tfail-oom", "1e9\tNaN loss", "9999\tdiscard", "1e12\t", "-1\tparked"])
def test_what_stands_for_no_number_is_none(tmp_path: Path, row: str) -> None:
    (found,) = rows(tmp_path, f"loss\tstatus\n{row}\n", metric="loss")
    assert found.metric is None


def test_a_comma_within_a_number(tmp_path: Path) -> None:
    text = "commit;loss;status\na;0,5;keep\nb;1,234;keep\nc;1,234.5;keep\nd;1,2,3;keep\n"
    assert [row.metric for row in rows(tmp_path, text, metric="loss")] == [0.5, 1234.0, 1234.5, None]


def test_comments_and_rows_that_begin_with_a_number_sign(tmp_path: Path) -> None:
    text = "# a log\n#\tloss\tstatus\n#1\t0.5\tkeep\n# later\n#2\t0.4\tdiscard\n"
    found = rows(tmp_path, text, metric="loss")
    assert [(row.line, row.metric, row.word) for row in found] == [(3, 0.5, "keep"), (5, 0.4, "discard")]


def test_an_unknown_word_is_kept_as_it_is(tmp_path: Path) -> None:
    (row,) = rows(tmp_path, "commit\tval_bpb\tstatus\tnotes\nx\t0.9\tqueued\tnear\n")
    assert (row.word, row.status, row.metric, row.note) == (PastWord.OTHER, "queued", 0.9, "near")


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
