"""The manifest: a compiled org. A run is closed over it, and nothing that executes reads markdown.

Invariant: `Manifest.hash` covers every field but the hash itself; equal hashes mean equal orgs.
Breaking changes of the persisted form raise `SCHEMA_VERSION`; additions with defaults do not.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import Literal, Self

from pydantic import Field

from orgruntime.model.amounts import Amounts, Budget
from orgruntime.model.appetite import Appetite, BlastRadius
from orgruntime.model.base import Noun, digest
from orgruntime.model.ids import RoleSlug
from orgruntime.model.payload import PayloadType

SCHEMA_VERSION = 1


class Direction(StrEnum):
    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"

    def gain(self, old: float, new: float) -> float:
        """How much better `new` is than `old`; positive is better in either direction."""
        return old - new if self is Direction.MINIMIZE else new - old


class Objective(Noun):
    metric: str
    direction: Direction
    target: float | None = None
    min_effect: float = Field(default=0.0, ge=0)


class WorkspaceSpec(Noun):
    """The repository under research. `source` is absolute when it is a folder or a local repository."""

    source: str
    editable: tuple[str, ...]
    """Paths or globs relative to the workspace root; everything else is frozen."""
    setup: str | None = None
    run: str
    """Command with the placeholders {seed} and {budget} (a fraction in (0, 1])."""
    verify: str | None = None
    time_limit_s: float = Field(gt=0)
    memory_mb: int | None = Field(default=None, ge=1)


class RoleKind(StrEnum):
    AGENT = "agent"
    EXPERIMENT = "experiment"
    VERIFIER = "verifier"
    HUMAN = "human"


class Memory(StrEnum):
    """What an agent is shown of what was tried before."""

    NONE = "none"
    OWN = "own"
    """Its own proposals."""
    ORG = "org"
    """All proposals of the run, and the log of before it."""


class Resources(Noun):
    """What one trial of a role reserves in the cluster: so much on each of its nodes. Fractions are allowed."""

    nodes: int = Field(default=1, ge=1)
    """Above 1 the trial is a gang: one rank on each of so many nodes, all at once or none."""
    cpus: float = Field(default=1.0, ge=0)
    gpus: float = Field(default=0.0, ge=0)
    memory_mb: int | None = Field(default=None, ge=1)
    accelerator: str | None = None
    """Its type, by Ray's name."""
    fallbacks: tuple[str, ...] = ()
    """Types that serve where no node has that one, in this order. A run settles on one of them."""
    labels: tuple[str, ...] = ()
    """Conditions on the node's labels, all of which must hold: `zone=a/b`, `market!=spot`."""

    @property
    def all_gpus(self) -> float:
        return self.nodes * self.gpus

    @property
    def of_a_rank(self) -> Resources:
        """What it takes of one of its nodes."""
        return self if self.nodes == 1 else self.model_copy(update={"nodes": 1})

    def cost(self, wall_s: float) -> Amounts:
        """The cost of holding these on all nodes for `wall_s` seconds, as one trial."""
        gpu_ms, cpu_ms = (round(self.nodes * each * wall_s * 1000) for each in (self.gpus, self.cpus))
        return Amounts(trials=1, gpu_ms=gpu_ms, cpu_ms=cpu_ms)


class Choice(StrEnum):
    """How a step of a role with several models is given to one of them."""

    TURNS = "turns"
    """Desk i is served by species[i % len(species)]."""
    SHARES = "shares"
    """Each model gets its share of the role's steps."""
    RESULTS = "results"
    """By gain for each dollar and GPU-second, at the quantile of the optimism dial."""


class Role(Noun):
    slug: RoleSlug
    name: str
    kind: RoleKind
    description: str = ""
    prompt: str = ""
    """The body of the role file. Empty for a built-in role."""
    count: int = Field(default=1, ge=1)
    """Desks of an agent role: how many inquiries it serves at once."""
    species: tuple[str, ...] = ()
    """What stands behind the role, for an agent: names that `Manifest.species_of` knows."""
    choice: Choice = Choice.TURNS
    shares: tuple[float, ...] = ()
    """With `Choice.SHARES`: a share of each of `species`, in order; their sum is 1."""
    budget: Budget | None = None
    """What the role's model calls may spend of the run's budget: tokens and dollars only. None: no bound of its own."""
    network: bool = False
    """Whether its trials are granted the network of their nodes."""
    tools: tuple[str, ...] = ()
    resources: Resources = Resources()
    minutes: float | None = None
    """Time limit of one trial of this role; None takes the workspace's."""
    builtin: bool = False
    source: str | None = None
    """Path of the role file relative to the org, with `/`."""
    title: str = ""
    """For people."""
    usage: str = ""
    """The rest of the description, from its first example on."""
    produces: tuple[str, ...] | None = None
    """Payloads that the role says it can hand off; None where it does not say. So with `consumes`."""
    consumes: tuple[str, ...] | None = None
    hands_off_to: tuple[str, ...] = ()
    """Slugs of roles that its file would hand work to. A hint: the graph has what the workflow says."""
    blast_radius: BlastRadius | None = None
    """Of the role's own proposals; None takes the org's."""
    inputs: dict[str, str] = {}
    """What the program filled in; `prompt` holds it already."""
    memory: Memory = Memory.ORG
    was: tuple[str, ...] = ()
    """Former slugs."""


class HandoffKind(StrEnum):
    TRANSFER = "transfer"
    ASK = "ask"
    """Call and return: the target's reply goes back to the source."""


class Handoff(Noun):
    """One edge. At run time the edges of a role are tried in order: the first whose condition holds
    and whose bound is not used up is taken; none means that the inquiry ends."""

    id: str
    """`e1`, `e2`, …: the position in the workflow list."""
    source: RoleSlug
    target: RoleSlug
    payload: str
    kind: HandoffKind = HandoffKind.TRANSFER
    when: str | None = None
    otherwise: bool = False
    at_most: int | None = Field(default=None, ge=1)
    """How often one inquiry may take this edge."""
    fan_out: int = Field(default=1, ge=1)
    """×N: up to N payloads, each of which becomes an inquiry of its own at the target."""


class Cadence(Noun):
    """A stand-up: the role is called with the ledger's facts on a schedule, outside any inquiry."""

    id: str
    role: RoleSlug
    payload: str
    every_trials: int | None = Field(default=None, ge=1)
    every_s: float | None = Field(default=None, gt=0)


class AgentGraph(Noun):
    handoffs: tuple[Handoff, ...]
    cadences: tuple[Cadence, ...] = ()
    entries: tuple[RoleSlug, ...]
    """Where ideas from the queue enter, in order. Always agent roles."""

    def edges_from(self, slug: RoleSlug) -> tuple[Handoff, ...]:
        return tuple(edge for edge in self.handoffs if edge.source == slug)


class Price(Noun):
    """Dollars for a million tokens."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cache_read: float | None = Field(default=None, ge=0)
    """None: as `input`."""
    cache_write: float | None = Field(default=None, ge=0)


class Effort(StrEnum):
    """How long a model thinks, where it can. Not every model knows every word."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"


class ModelSpec(Noun):
    """An entry of `models:`: a name of the org for a species."""

    name: str
    species: str
    """`claude-…`, `search/…`, `digest/…`, `control/…`, or the model's name on the server at `base_url`."""
    base_url: str | None = None
    key_env: str | None = None
    """Name of the environment variable that holds the key. Never the key."""
    price: Price | None = None
    """None: the shipped price of a known Claude model; a server of one's own costs nothing unless it says so."""
    context: int | None = Field(default=None, ge=1)
    """Tokens of one call, everything counted. None: what is known of the model, else a cautious default."""
    max_output: int | None = Field(default=None, ge=1)
    """Tokens of one answer."""
    effort: str | None = None
    """One of `Effort`, where the model can think at length; None: as the model does by itself."""
    concurrency: int | None = Field(default=None, ge=1)
    """Calls at once, over the run."""
    fallback: str | None = None
    """Name of the model that is asked when this one cannot answer."""


class ToolServer(Noun):
    """An entry of `mcp_servers:`: where tools beyond the built-in ones come from. Its tools are granted as
    `mcp__NAME__TOOL`, or `mcp__NAME` for all of them."""

    name: str
    command: tuple[str, ...] = ()
    """Words of a local server's command, relative to the org; it runs in the sandbox of trials."""
    url: str | None = None
    """Of a server that is reached over HTTP, from the driver."""
    key_env: str | None = None
    """Name of the environment variable that holds its bearer token. Never the token."""


class SourceFile(Noun):
    path: str
    sha256: str


class Manifest(Noun):
    schema_version: Literal[1] = 1
    org: str
    title: str
    mission: str = ""
    guidance: dict[str, str] = {}
    """The program's other sections, heading → markdown: words for the agents."""
    objective: Objective
    workspace: WorkspaceSpec
    appetite: Appetite
    budget: Budget
    models: tuple[ModelSpec, ...] = ()
    servers: tuple[ToolServer, ...] = ()
    roles: tuple[Role, ...]
    payloads: tuple[PayloadType, ...]
    graph: AgentGraph
    sources: tuple[SourceFile, ...] = ()
    hash: str = ""

    def sealed(self) -> Self:
        """The same manifest with its hash filled in."""
        return self.model_copy(update={"hash": digest(self.model_dump(mode="json", exclude={"hash"}))})

    def role(self, slug: RoleSlug) -> Role:
        """Raises KeyError for a slug that no role has."""
        for role in self.roles:
            if role.slug == slug:
                return role
        raise KeyError(slug)

    def species_of(self, name: str) -> ModelSpec:
        """The species behind a model name: the org's entry, or the name itself."""
        for model in self.models:
            if model.name == name:
                return model
        return _plain(name)


@lru_cache(maxsize=64)
def _plain(name: str) -> ModelSpec:
    return ModelSpec(name=name, species=name)
