"""What is known of Claude models without asking anybody: prices, context, longest answer. A dated table.

Works on model ids, with or without a date at their end. Does not know keys, servers or the entries of an org, which win
over it. Invariant: what is not known is None, never a guess, and a price that depends on the prompt is the dearest one
where the prompt is not told, so that it is a bound.

As of 2026-11-10: the pages `about-claude/pricing` and `models/*/overview` of platform.claude.com. Dollars for a million
tokens; a cache write is one of five minutes. Batches, fast mode and `inference_geo` have prices of their own, and
nothing here uses them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from orgruntime.model.manifest import Price

AS_OF = "2026-11-10"

LONG_PROMPT = 100_000
"""Tokens of a prompt, cached ones counted, above which `claude-haiku-5-5` has its second price."""

_M, _K = 1_000_000, 1_000


class _Known(NamedTuple):
    price: tuple[float, float, float, float]
    """Input, output, cache read, cache write."""
    context: int
    max_output: int
    long_price: tuple[float, float, float, float] | None = None
    """With a prompt above LONG_PROMPT; of every token of the call."""


_OPUS_4 = (5.0, 25.0, 0.50, 6.25)
_KNOWN = {
    "claude-fable-5-2": _Known((8.0, 40.0, 0.20, 10.0), _M, 128 * _K),
    "claude-fable-5-1": _Known((10.0, 50.0, 0.25, 12.5), _M, 128 * _K),
    "claude-opus-5-5": _Known((4.0, 20.0, 0.20, 5.0), _M, 128 * _K),
    "claude-sonnet-5-5": _Known((2.0, 10.0, 0.10, 2.5), _M, 128 * _K),
    "claude-haiku-5-5": _Known((0.10, 0.50, 0.01, 0.125), _M, 128 * _K, (0.50, 2.50, 0.05, 0.625)),
    "claude-fable-5": _Known((10.0, 50.0, 1.0, 12.5), _M, 128 * _K),
    "claude-opus-5": _Known((5.0, 25.0, 0.50, 6.25), _M, 128 * _K),
    "claude-sonnet-5": _Known((2.0, 10.0, 0.20, 2.5), _M, 128 * _K),
    "claude-opus-4-8": _Known(_OPUS_4, _M, 128 * _K),
    "claude-opus-4-7": _Known(_OPUS_4, _M, 128 * _K),
    "claude-opus-4-6": _Known(_OPUS_4, _M, 128 * _K),
    "claude-opus-4-5": _Known(_OPUS_4, 200 * _K, 64 * _K),
    "claude-sonnet-4-6": _Known((3.0, 15.0, 0.30, 3.75), _M, 128 * _K),
    "claude-haiku-4-5": _Known((1.0, 5.0, 0.10, 1.25), 200 * _K, 64 * _K),
}

KNOWN = tuple(_KNOWN)
"""Ids, the newest first."""
CURRENT = KNOWN[:5]
"""Those that are not called old by their own pages."""


def price_of(species: str, prompt: int | None = None) -> Price | None:
    """The price of a call whose prompt has `prompt` tokens, cached ones counted; None for a model not known here."""
    known = _known(species)
    if known is None:
        return None
    is_long = known.long_price is not None and (prompt is None or prompt > LONG_PROMPT)
    # A check that reads the names of models alone pays for no nouns: they take longer to import than a file to read.
    from orgruntime.model.manifest import Price  # noqa: PLC0415  # see above

    given = known.long_price if is_long and known.long_price else known.price
    return Price(input=given[0], output=given[1], cache_read=given[2], cache_write=given[3])


def context_of(species: str) -> int | None:
    """Tokens of one call, everything counted."""
    known = _known(species)
    return known.context if known else None


def max_output_of(species: str) -> int | None:
    """Tokens of one answer."""
    known = _known(species)
    return known.max_output if known else None


def _known(species: str) -> _Known | None:
    """The row of `claude-haiku-4-5`, of `claude-haiku-4-5-20251001` and of `claude-haiku-4-5@20251001`."""
    name, _, date = species.replace("@", "-").rpartition("-")
    return _KNOWN.get(name if len(date) == 8 and date.isdigit() else species)
