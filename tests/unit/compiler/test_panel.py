"""Panels as they are written: names, shares that sum to one, the way to choose."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgruntime.compiler.nodes import split_commas
from orgruntime.compiler.overrides import panel_entry
from orgruntime.compiler.panel import MOST_MODELS, Panel, read_panel
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.span import Span
from orgruntime.model.manifest import Choice
from orgruntime.orgfile.tree import ScalarNode


def read(text: str) -> tuple[Panel, list[str]]:
    findings = Findings()
    panel = read_panel(split_commas(ScalarNode(Span("p", 1, 1, 1, len(text) + 1), text, inner=0)), findings)
    return panel, [one.message for one in findings]


@settings(deadline=None)
@given(st.lists(st.integers(1, 1000), min_size=1, max_size=MOST_MODELS))
def test_shares_that_sum_to_one_are_kept_in_order(weights: list[int]) -> None:
    total = sum(weights)
    panel, faults = read(", ".join(f"m{at} {weight}/{total}" for at, weight in enumerate(weights)))
    assert faults == []
    assert panel.choice is Choice.SHARES
    assert [node.text for node in panel.names] == [f"m{at}" for at in range(len(weights))]
    assert panel.shares == pytest.approx([weight / total for weight in weights], abs=1e-9)
    assert sum(panel.shares) == pytest.approx(1)


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(1, 120)), min_size=1, max_size=8))
def test_a_panel_is_shared_out_or_refused(shares: list[int | None]) -> None:
    panel, faults = read(", ".join(f"m{at}" + (f" {share}%" if share else "") for at, share in enumerate(shares)))
    said, silent = sum(filter(None, shares)), shares.count(None)
    if said == 0:
        assert (panel.choice, panel.shares, faults) == (Choice.TURNS, (), [])
    elif any(share is not None and share > 100 for share in shares):
        assert faults
    elif (said < 100 and silent) or (said == 100 and not silent):
        assert faults == []
        assert sum(panel.shares) == pytest.approx(1)
        assert all(share > 0 for share in panel.shares)
        assert panel.shares[shares.index(None)] == pytest.approx((1 - said / 100) / silent) if silent else True
    else:
        assert faults


@settings(deadline=None)
@given(st.text(alphabet="ab %,/0123456789.chose byrult", max_size=60))
def test_any_text_gives_names_without_blanks_and_shares_that_fit(text: str) -> None:
    panel, faults = read(text)
    assert all(" " not in node.text and node.text for node in panel.names)
    assert len(panel.shares) in (0, len(panel.names))
    assert (panel.choice is Choice.SHARES) == bool(panel.shares)
    assert faults or sum(panel.shares) == pytest.approx(1) or not panel.shares


def test_a_fault_is_at_its_word() -> None:
    findings = Findings()
    text = "deep 20%, wide  fast"
    read_panel(split_commas(ScalarNode(Span("p", 1, 5, 1, 5 + len(text)), text, inner=0)), findings)
    spans = [(one.span.column, one.span.end_column) for one in findings if one.span]
    assert (15, 25) in spans


def test_a_panel_has_an_end() -> None:
    _, faults = read(", ".join(f"m{at}" for at in range(100_000)))
    assert faults == ["a role has at most 50 models, and these are 100000"]


def test_the_command_line_reads_the_same_words() -> None:
    assert panel_entry("deep 20%, search/tpe") == (("deep", "search/tpe"), Choice.SHARES, (0.2, 0.8), None)
    assert panel_entry("search/tpe") == (("search/tpe",), Choice.TURNS, (), None)
    assert panel_entry("a,b,choose by results") == (("a", "b"), Choice.RESULTS, (), None)
    assert panel_entry("a, Fallback  b") == (("a",), Choice.TURNS, (), "b")
    assert panel_entry("fallback 20%, b") == (("fallback", "b"), Choice.SHARES, (0.2, 0.8), None)
    assert panel_entry("") == ((), Choice.TURNS, (), None)
    with pytest.raises(ValueError, match="the shares sum to 30 %; let them sum to 100 %, or leave one"):
        panel_entry("a 10%, b 20%")
