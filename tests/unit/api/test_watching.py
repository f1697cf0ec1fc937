"""Watching by polls: on a fake clock, over real files."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from orgruntime.api.watching import AGAIN_S, POLL_S, stamps, watch


class FakeClock:
    """Time that passes by sleeping; `at` maps the number of a sleep to what happens meanwhile."""

    def __init__(self, **at) -> None:
        self.now, self.sleeps, self.at = 0.0, 0, {int(key[1:]): value for key, value in at.items()}

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.now += seconds
        self.sleeps += 1
        self.at.get(self.sleeps, lambda: None)()


def texts(*said: str):
    """A look that says these, one after another, then the last for ever."""
    left = list(said)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def test_a_change_of_a_file_is_seen_at_the_next_poll(org: Path) -> None:
    role = org / "roles" / "new.md"
    clock = FakeClock(_3=lambda: role.write_text("x"), _5=lambda: role.write_text("xyz"), _8=role.unlink)
    seen = [(text, clock.sleeps) for text in islice(watch([org], texts("same"), clock=clock), 4)]
    assert seen == [("same", 0), ("same", 3), ("same", 5), ("same", 8)]


def test_what_is_not_watched_is_seen_by_looking_again(org: Path) -> None:
    clock = FakeClock()
    seen = [(text, clock.now) for text in islice(watch([org], texts("a", "a", "b"), clock=clock), 2)]
    assert seen[0] == ("a", 0.0)
    assert seen[1][0] == "b"
    assert 2 * AGAIN_S < seen[1][1] <= 2 * (AGAIN_S + 2 * POLL_S)


def test_a_look_that_takes_long_is_not_repeated_all_the_time(org: Path) -> None:
    clock = FakeClock()

    def slow() -> str:
        clock.now += 1.0
        return str(clock.now // 25)

    first, second = islice(watch([org], slow, clock=clock), 2)
    assert first != second
    assert clock.now > 20


def test_settings_library_and_baseline_are_watched(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    org = tmp_path / "orgs" / "lab"
    (org / "roles").mkdir(parents=True)
    (tmp_path / "roles").mkdir()
    for name in ("orgs/lab/program.md", "roles/shared.md", ".orgrun.toml", "known.json"):
        (tmp_path / name).write_text("x")
    names = {Path(name).relative_to(tmp_path).as_posix() for name in stamps([org], [tmp_path / "known.json"])}
    assert names >= {"orgs/lab/program.md", "orgs/lab/roles", "roles/shared.md", ".orgrun.toml", "known.json"}


def test_a_path_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    before = stamps([tmp_path / "later"])
    (tmp_path / "later").mkdir()
    assert stamps([tmp_path / "later"]) != before
