"""What is sent to an agent: an order an attempt, and the packed tree that it starts in.

Works on specs and trees; does not know leases or nodes. Invariant: a tree is packed once while it is in use, and as
few packs as PACKS lie in the object store.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from orgruntime.model.ids import TreeId
from orgruntime.model.trial import TrialSpec
from orgruntime.runtime.ports import PackTree

PACKS = 64
"""Packed trees kept in the object store."""
SMALL_PACK = 64 * 1024


class Packs:
    def __init__(self, pack: PackTree) -> None:
        self._pack = pack
        self._packs: OrderedDict[TreeId, Any] = OrderedDict()

    def of(self, tree: TreeId) -> Any:
        """The tree's tar, or a reference to it."""
        import ray

        if tree not in self._packs:
            pack = self._pack(tree)
            # A small tree travels inside the call: an object of its own costs a millisecond here and one there.
            self._packs[tree] = pack if len(pack) <= SMALL_PACK else ray.put(pack)
        self._packs.move_to_end(tree)
        while len(self._packs) > PACKS:
            self._packs.popitem(last=False)
        return self._packs[tree]


def order(spec: TrialSpec, gpus: Sequence[str]) -> bytes:
    """`gpus`: the ids, by the driver's numbers, of the devices that it has."""
    told = {
        "attempt": spec.attempt,
        "tree": spec.tree,
        "argv": spec.argv,
        "limit_s": spec.time_limit_s,
        "memory_mb": spec.memory_mb,
        "env": spec.env,
        "rungs": spec.rungs,
        "metric": spec.metric,
        "cpus": spec.resources.cpus,
        "network": spec.network,
        "gpus": list(gpus),
    }
    return json.dumps(told).encode()
