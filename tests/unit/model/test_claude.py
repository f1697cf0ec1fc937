from __future__ import annotations

import pytest

from orgruntime.model.claude import KNOWN, LONG_PROMPT, context_of, max_output_of, price_of


def test_a_date_behind_an_id_changes_nothing() -> None:
    plain = price_of("claude-haiku-4-5")
    assert plain is not None
    assert plain.output == 5.0
    assert price_of("claude-haiku-4-5-20251001") == price_of("claude-haiku-4-5@20251001") == plain
    assert context_of("claude-opus-5-5-20260923") == 1_000_000
    assert max_output_of("claude-opus-5-5-20260923") == 128_000


@pytest.mark.parametrize("species", ["claude-opus-9", "search/tpe", "qwen3", "", "20251001", "claude-opus-5-5-2026"])
def test_what_is_not_known_is_none(species: str) -> None:
    assert price_of(species) is None
    assert context_of(species) is None
    assert max_output_of(species) is None


def test_a_price_by_prompt_is_the_dearest_where_the_prompt_is_not_told() -> None:
    short, long = price_of("claude-haiku-5-5", LONG_PROMPT), price_of("claude-haiku-5-5", LONG_PROMPT + 1)
    assert short is not None
    assert long is not None
    assert (short.input, short.output, long.input, long.output) == (0.10, 0.50, 0.50, 2.50)
    assert price_of("claude-haiku-5-5") == long
    assert price_of("claude-opus-5-5", 900_000) == price_of("claude-opus-5-5", 1)


@pytest.mark.parametrize("species", KNOWN)
def test_a_cache_read_is_cheaper_and_a_cache_write_dearer_than_input(species: str) -> None:
    price = price_of(species)
    assert price is not None
    assert price.cache_read is not None
    assert price.cache_write is not None
    assert price.cache_read <= price.input / 10 < price.input < price.cache_write < price.output
