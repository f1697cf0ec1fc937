"""Names of species, and what answers for them. Only species that need no key are made here; language models are
served by the gateway of the driver, so that no key reaches a desk.

Does not load a sampler or a model library before its species is asked for.

Invariant: whatever `is_key_free` accepts reaches neither the network nor a secret.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable

from orgruntime.backends import digest_model, search_model
from orgruntime.model.step import StepReply, StepRequest
from orgruntime.runtime.ports import StepError

Species = Callable[[StepRequest], StepReply]

_FAMILIES = ("search/", "digest/", "control/")
_SPECIES: dict[str, Species] = {**search_model.SPECIES, "digest/ledger": digest_model.memo}


def species_for(name: str) -> Species:
    """The function that answers for a species. Raises StepError for a name that is not built in."""
    found = _SPECIES.get(name)
    if found is None:
        near = difflib.get_close_matches(name, _SPECIES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the ones without a key are {', '.join(sorted(_SPECIES))}"
        raise StepError(f"no species is called {name!r}; {hint}")
    return found


def is_key_free(name: str) -> bool:
    """Whether a species needs neither a key nor the network. True for the whole families, misspelt members included:
    a misspelt name must fail as an unknown species, and never be sent to a model server."""
    return name.startswith(_FAMILIES)
