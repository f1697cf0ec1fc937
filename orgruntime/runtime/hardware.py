"""On which type of accelerator a run measures: settled when its first driver knows the cluster, and kept from then on.

Works on the roles that have trials. Does not know Ray. Invariant: a metric, a noise floor and a gain of one run are
never of two types, whatever nodes come and go.
"""

from __future__ import annotations

from collections.abc import Mapping

from orgruntime.model.appetite import Dial
from orgruntime.model.fleet import Fleet
from orgruntime.model.ids import RoleSlug
from orgruntime.model.manifest import Manifest, Role, RoleKind
from orgruntime.model.placement import on, settled, types
from orgruntime.runtime.lab import Lab

SETTLE = "settle-hardware"
"""Verb of the decision."""


def settle_hardware(lab: Lab, fleet: Fleet) -> list[str]:
    """Gives the lab's roles their type of accelerator, and writes down what had to be chosen. Returns what was chosen
    now, in sentences."""
    roles = _measuring(lab.manifest)
    rows = lab.ledger.decisions(len(roles), SETTLE)
    earlier = {RoleSlug(row.subject): str(row.numbers["accelerator"]) for row in rows}
    kinds = _kinds([role for role in roles if role.slug not in earlier], fleet)
    chosen = {role.slug: _why(role) for role in roles if role.slug in kinds and len(types(role.resources)) != 1}
    if chosen:
        with lab.ledger.transaction() as tx:
            for slug, why in chosen.items():
                tx.decide(Dial.CAPACITY, SETTLE, slug, f"{kinds[slug]}: {why}", {"accelerator": kinds[slug]})
    lab.manifest = _on(lab.manifest, kinds | earlier)
    return [f"{slug} measures on {kinds[slug]}, {why}" for slug, why in chosen.items()]


def settled_manifest(manifest: Manifest, fleet: Fleet) -> Manifest:
    """The manifest as a run of its own would settle it."""
    return _on(manifest, _kinds(_measuring(manifest), fleet))


def _measuring(manifest: Manifest) -> list[Role]:
    kinds = (RoleKind.EXPERIMENT, RoleKind.VERIFIER)
    return [role for role in manifest.roles if role.kind in kinds and role.resources.gpus]


def _kinds(roles: list[Role], fleet: Fleet) -> dict[RoleSlug, str]:
    """Where something tells types apart."""
    return {slug: kind for slug, shape in settled(roles, fleet.nodes).items() if (kind := shape.accelerator)}


def _on(manifest: Manifest, kinds: Mapping[RoleSlug, str]) -> Manifest:
    """Its hash stays that of what was declared."""
    roles = (role.model_copy(update={"resources": on(role.resources, kinds.get(role.slug))}) for role in manifest.roles)
    return manifest.model_copy(update={"roles": tuple(roles)})


def _why(role: Role) -> str:
    declared = types(role.resources)
    if not declared:
        return "the type with most room: nothing is compared across types"
    return f"the first of {' or '.join(declared)} that the cluster has room for"
