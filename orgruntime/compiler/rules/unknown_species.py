"""A species of a key-free family that does not exist. Other models are checked when they are called."""

from __future__ import annotations

from orgruntime.compiler.facts import Facts
from orgruntime.compiler.model_names import KEY_FREE
from orgruntime.compiler.species import FAMILIES
from orgruntime.diagnostics.codes import UNKNOWN_SPECIES
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import did_you_mean, nearest

CODE = UNKNOWN_SPECIES


def check(facts: Facts, findings: Findings) -> None:
    hinted = (node for _, _, file in facts.agents() for node in file.hints.model)
    for node in (*facts.species(), *hinted):
        text = node.text.strip()
        in_family = "/" in text and text.split("/")[0].casefold() in FAMILIES
        bare = next((name for name in KEY_FREE if name.split("/")[1] == text.casefold()), None)
        if (in_family and text not in KEY_FREE) or bare:
            near = bare or nearest(text, KEY_FREE)
            help = f"did you mean `{near}`?" if near else did_you_mean(text, KEY_FREE)
            findings.add(CODE, node.span, f"no model or search algorithm is called `{text}`", help)
