"""What a role file asks for, tools, models and risk, judged by what the program says. Knows names, and grants nothing.

Works on plain values, so that one file is judged again without anything else of the org. Invariant: what is said of the
wishes of a file follows from it, the role's `Standing` and the program's `Terms` alone, whatever other files ask for;
none of it is an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from orgruntime.compiler import reading_rules
from orgruntime.compiler.dialects import canonical_tool, grant_for, is_known, renamed
from orgruntime.compiler.filereport import Standing, Terms, Wished
from orgruntime.compiler.model_names import (
    KEY_FREE,
    NONE_OF_ITS_OWN,
    Entry,
    current,
    grant_for_model,
    near_model,
    vendor,
)
from orgruntime.compiler.naming import former_slugs
from orgruntime.compiler.rolefile import RoleFile
from orgruntime.compiler.rolevalues import is_odd, near_tool
from orgruntime.diagnostics.diagnostic import Findings
from orgruntime.diagnostics.nearest import edit_distance
from orgruntime.model.tools import ABLATE, BUILT_IN, plain_name, server_of
from orgruntime.orgfile.disk import noted
from orgruntime.orgfile.tree import ScalarNode

if TYPE_CHECKING:
    from orgruntime.compiler.hints import Hints

_MOST = 50
"""Names of a program, and of a role file, that are compared with those that exist."""


def judge_wishes(file: RoleFile, standing: Standing, terms: Terms) -> Wished:
    """What becomes of the wishes of the file of a role."""
    findings = Findings()
    _judge_tools(file.asked or (), standing.kind, terms, findings)
    if standing.kind == "agent":
        _judge_denied(file.denied, terms, findings)
    if standing.kind == "agent" and file.wished_models:
        _judge_models(file, standing, terms, findings)
    if file.hinted:
        _judge_inputs(file.hinted, file.places, findings)
        _judge_risk(file.hinted, standing, terms, findings)
    former = former_slugs(file) if file.hinted else ()
    return Wished(standing, _model(file, terms), _are_quiet(file, standing, terms), former, tuple(findings))


def keep_wished(roles: Iterable[tuple[RoleFile, Standing]], terms: Terms, findings: Findings) -> None:
    """Reports what is to be said of the wishes of each file."""
    noted(("terms",), terms)
    for file, standing in roles:
        wished = judge_wishes(file, standing, terms)
        for one in wished.found:
            findings.keep(one, of_file=True)
        noted(("wished", file.shown, file.slug), wished)


def granted_model(wish: ScalarNode, models: tuple[Entry, ...]) -> ScalarNode | None:
    """A model that is wished for and granted, by its name in the program."""
    text = wish.text.strip()
    if text in KEY_FREE:
        return wish
    found = grant_for_model(text, models)
    return ScalarNode(wish.span, found.name) if found else None


def near_wish(wish: str, offers: tuple[Entry, ...] = ()) -> str | None:
    """The model that a wish is nearly one for; None for a wish that means a model, or could."""
    if wish in KEY_FREE or current(wish) or vendor(wish) or grant_for_model(wish, offers):
        return None
    return near_model(wish, (*(offer.name for offer in offers), *NONE_OF_ITS_OWN))


def judge_grants(granted: Iterable[ScalarNode], findings: Findings) -> None:
    """The names by which the program grants tools, to all roles or to one."""
    for at, node in enumerate(granted):
        name = plain_name(node.text.strip())
        if name in BUILT_IN or name in ("", "*") or server_of(name) is not None:
            continue
        known = canonical_tool(name)
        if known in BUILT_IN:
            fault = reading_rules.unknown_tool.called_otherwise(name, known)
        elif at < _MOST and (near := _near(name.casefold())):
            fault = reading_rules.unknown_tool.nearly(name, near)
        else:
            fault = reading_rules.unknown_tool.granted(name)
        findings.put(node.part(0, len(name)), fault)


def _model(file: RoleFile, terms: Terms) -> str:
    """What the file would be served by: all that is granted of a panel, the first of a list."""
    panel = file.hinted.model if file.hinted else ()
    granted = [node.text for one in panel or file.model if (node := granted_model(one, terms.offers))]
    return ", ".join(granted) if panel else next(iter(granted), "")


def _are_quiet(file: RoleFile, standing: Standing, terms: Terms) -> bool:
    """Whether the other hints of a file say of an agent what the program says too, or what nobody else is judged by:
    how many desks it has, what it remembers, its inputs, its risk. Where this is so, they change nothing for others,
    and no rule of the whole org finds anything in them. Sure where it says so; where it does not, the rules decide.
    """
    hints = file.hinted
    if hints is None:
        return True
    if standing.kind != "agent" or hints.needs.given or hints.needs.span or (hints.was and terms.are_called):
        return False
    if not _is_agent_anyway(hints, standing) or not _are_filled_in(hints, standing):
        return False
    said = {"produces": (hints.produces, standing.gives), "consumes": (hints.consumes, standing.takes)}
    for key, (names, others) in said.items():
        told = None if names is None else {node.text for node in names}
        if key not in standing.cells and told is not None and (not told or told != set(others)):
            return False
    return {node.text for node in hints.hands_off_to} <= set(standing.targets)


def _is_agent_anyway(hints: Hints, standing: Standing) -> bool:
    """Whether what is said of the kind of an agent is what it would be without."""
    if "kind" in standing.cells:
        return True
    is_faulty = not standing.is_sure or ("kind" in hints.places and hints.kind is None)
    return not is_faulty and hints.kind in (None, "agent")


def _are_filled_in(hints: Hints, standing: Standing) -> bool:
    """Whether every input has a value, and the row none for any."""
    return "inputs" not in standing.cells and all(one.default is not None for one in hints.inputs)


def _judge_tools(asked: Iterable[ScalarNode], kind: str, terms: Terms, findings: Findings) -> None:
    for at, node in enumerate(asked if kind in ("agent", "verifier") else ()):
        name = node.text.strip()
        here = renamed(name, terms.tool_names) if terms.tool_names else name
        if grant_for(here, terms.grants) is not None or plain_name(name) in ("", "*"):
            continue
        if kind == "verifier" and here != ABLATE:
            continue
        if is_known(here) or here != name:
            findings.put(node.span, reading_rules.tool_not_granted.asked_for(name, here, terms.servers))
        elif at >= _MOST or not _is_told(name):
            short = plain_name(name)
            findings.put(node.part(0, len(short)), reading_rules.unknown_tool.asked_for(short))


def _judge_denied(denied: Iterable[ScalarNode], terms: Terms, findings: Findings) -> None:
    """A slip in what is held back holds nothing back. A pattern of names may be of tools that are not known here."""
    for at, node in enumerate(denied):
        name = plain_name(node.text.strip())
        if not name or "*" in name or is_known(name) or grant_for(name, terms.grants) is not None:
            continue
        if renamed(name, terms.tool_names) != name:
            continue
        if at >= _MOST or not _is_told(name):
            findings.put(node.part(0, len(name)), reading_rules.unknown_tool.held_back(name))


def _is_told(name: str) -> bool:
    """Whether something is said of a name where the file is read: it is nearly a tool, or holds more than one."""
    return near_tool(plain_name(name)) is not None or is_odd(name, "tools")


def _judge_inputs(hints: Hints, places: tuple[str, ...], findings: Findings) -> None:
    for one in hints.inputs:
        if one.name.text not in places:
            findings.put(one.name.span, reading_rules.unused_input.nowhere(one.name.text, places))


def _judge_risk(hints: Hints, standing: Standing, terms: Terms, findings: Findings) -> None:
    if hints.risk is None or "risk" in standing.cells:
        return
    from orgruntime.compiler.risk import beyond  # noqa: PLC0415  # few files have one, and it is loaded with it

    if found := beyond(hints.risk, terms.radius):
        findings.put(hints.risk.span, reading_rules.risk_not_granted.too_wide(found))


def _judge_models(file: RoleFile, standing: Standing, terms: Terms, findings: Findings) -> None:
    """Of a list below `model:` the first that is granted is enough; of a panel below `org:` each is wanted."""
    wishes = file.wished_models
    is_panel = wishes is not file.model
    missed = [node for node in wishes if standing.species and not _is_served(node.text.strip(), standing, terms)]
    if is_panel or len(missed) == len(wishes):
        for node in missed if is_panel else missed[:1]:
            wish = node.text.strip()
            if near := near_wish(wish, terms.offers):
                findings.put(node.span, reading_rules.likely_typo.wished_model(wish, near))
                continue
            is_free = granted_model(node, terms.offers) is not None
            fault = reading_rules.model_not_granted.asked_for(
                wish, standing.species, is_free=is_free, has_row=standing.has_row
            )
            findings.put(node.span, fault)
    for node in () if standing.row_has_models else wishes:
        wish = node.text.strip()
        found = None if wish in KEY_FREE else grant_for_model(wish, terms.offers)
        if found and wish not in (found.name, found.species) and {found.name, found.species} & set(standing.species):
            findings.put(node.span, reading_rules.model_translated.granted_as(wish, found.species, found.name))


def _is_served(wish: str, standing: Standing, terms: Terms) -> bool:
    """Whether the role gets what it wishes for, by this name or by what it means today."""
    species = {offer.name: offer.species for offer in reversed(terms.offers)}
    served = {*standing.species, *(species.get(name, name) for name in standing.species)}
    found = grant_for_model(wish, terms.offers)
    return wish in served or current(wish) in served or (found is not None and found.reference in served)


def _near(name: str) -> str | None:
    """The nearest tool within two slips. A long list of names is answered too, so lengths are compared first."""
    close = [tool for tool in BUILT_IN if abs(len(tool) - len(name)) <= 2]
    slips = {tool: edit_distance(name, tool.casefold()) for tool in close}
    near = min(slips, key=slips.__getitem__, default=None)
    return near if near and slips[near] <= min(2, len(near) - 3) else None
