"""What a cluster offers, as plain numbers."""

from __future__ import annotations

from orgruntime.model.base import Noun


class Node(Noun):
    id: str
    address: str = ""
    cpus: float
    gpus: float = 0.0
    memory_mb: int = 0
    accelerator: str | None = None
    labels: dict[str, str] = {}

    @property
    def name(self) -> str:
        """For people: the address, and enough of the id for several nodes of one machine."""
        return f"{self.address} ({self.id[:8]})" if self.address else self.id


class Fleet(Noun):
    nodes: tuple[Node, ...]
    isolation: str = "none"
    """The level that every node can give: `strict` or `none`."""
    simulated: bool = False
    environments: dict[str, dict[str, str]] = {}
    """Address → `python`, `platform` and `accelerator` of every node that was ever asked, gone ones too."""
