"""The numbers that an appetite becomes for a run: made by the scheduler, printed by the plan, obeyed by the supervisor.

Invariant: everything but the fields in the metric's units is fixed when the run starts; those follow once,
when the noise floor is frozen.
"""

from __future__ import annotations

from pydantic import Field

from orgruntime.model.appetite import BlastRadius
from orgruntime.model.base import Noun


class Numbers(Noun):
    """See DESIGN §6 for the dials. Shares are in [0, 1]; None in the metric's units: the noise is not known yet."""

    alpha: float
    """False discovery rate of champions."""
    tests_planned: int = Field(ge=1)
    """T: certifications that the run may open. Never changes: the thresholds rest on it."""
    first_threshold: float
    """The e-value that certifies the first champion, T/α; the r-th needs T/(α·r)."""
    n_min: int
    """Pairs that reach the first threshold when every one is a clear win (δ + 2 sd or more)."""
    max_pairs: int
    """Cap on the pairs of one certification."""
    lap_pairs: int
    lap_trials: int
    """Trials of the first lap: both commits of each pair. Later laps also run the base commit: `lap_pairs` more."""
    certification_cost: int
    """Trials that must be affordable before a certification opens: n_min pairs, one spare pair, the lap."""
    trials_payable: int | None
    """Trials that the budget pays for in the worst case; None when nothing that a trial uses is bounded."""
    verification_cap: float
    verification_trials: int | None
    """The cap in trials: certifications and laps never take more."""
    smallest_win: float
    """In noise sd."""
    trigger_sd: float
    """How much better than the champion the lead must look before it is put to the test, in noise sd."""
    min_effect: float
    """The organisation's smallest effect worth having, in the metric's units."""
    sd: float | None = None
    delta: float | None = None
    """δ: H0 says that the improvement is at most this. max(smallest_win × sd, min_effect)."""
    scale: float | None = None
    """Scale of the bet, 2 sd."""
    trigger: float | None = None
    """`trigger_sd` in the metric's units; moved up by what min_effect exceeds smallest_win × sd."""
    exploration: float
    stuck_after: int
    """Measured proposals in a row that were not kept, for each of which the share of long shots doubles once more."""
    most_exploration: float
    """Which that share never passes."""
    optimism: float
    keep_per_rung: float
    rungs: tuple[float, ...]
    """Shares of a trial at which candidates are compared, ascending; empty where all go on."""
    largest_stake: float
    stake: dict[str, int]
    """The largest stake at the start of the run, by bounded unit (units of `Amounts`)."""
    dry_spell: float
    dry_spell_trials: int | None
    """The dry spell in trials, where trials are bounded."""
    blast_radius: BlastRadius

    @property
    def can_certify(self) -> bool:
        """Whether one certification fits under the verification cap."""
        return self.verification_trials is None or self.verification_trials >= self.certification_cost
