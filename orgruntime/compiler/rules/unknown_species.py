"""A model that nobody serves: of a key-free family that has no such species, of another vendor without a server, or by
a name that no server knows. That a model is served is only seen when it is called."""

from __future__ import annotations

from orgruntime.compiler import reading_rules
from orgruntime.compiler.facts import Facts
from orgruntime.compiler.model_names import KEY_FREE, Doubt, doubt
from orgruntime.compiler.species import FAMILIES, near_entry
from orgruntime.diagnostics.codes import UNKNOWN_SPECIES
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import did_you_mean, nearest
from orgruntime.orgfile.tree import ScalarNode

CODE = UNKNOWN_SPECIES


def check(facts: Facts, findings: Findings) -> None:
    hinted = (node for _, _, file in facts.agents() for node in file.hints.model)
    for node in (*facts.species, *hinted):
        text = node.text.strip()
        bare = _bare(text)
        if (_is_key_free(text) and text not in KEY_FREE) or bare:
            near = bare or nearest(text, KEY_FREE)
            help = f"did you mean `{near}`?" if near else did_you_mean(text, KEY_FREE)
            findings.add(CODE, node.span, f"no model or search algorithm is called `{text}`", help)
    entries = tuple(model.name for model in facts.program.models)
    for node in facts.species:
        text = node.text.strip()
        # What is nearly an entry of `models:` is told where the cell is read.
        if not _is_key_free(text) and not _bare(text) and not near_entry(text, entries):
            _judge(node, text, findings)


def _judge(node: ScalarNode, text: str, findings: Findings) -> None:
    kind, meant = doubt(text) or (None, "")
    if kind is Doubt.FOREIGN:
        help = f"give it a server that speaks the Messages API: `models: {{NAME: {{model: {text}, base_url: …}}}}`"
        findings.add(CODE, node.span, f"`{text}` is a model of {meant}, and needs a `base_url`", help)
    elif kind is Doubt.ALIAS:
        findings.put(node.span, reading_rules.likely_typo.alias(text, meant))
    elif kind in (Doubt.SLIP, Doubt.UNKNOWN):
        findings.put(node.span, reading_rules.likely_typo.no_model(text, meant))


def _is_key_free(text: str) -> bool:
    return "/" in text and text.split("/")[0].casefold() in FAMILIES


def _bare(text: str) -> str | None:
    """`search/tpe` of `tpe`."""
    return next((name for name in KEY_FREE if name.split("/")[1] == text.casefold()), None)
