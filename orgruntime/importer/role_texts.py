"""Role files that every small org can begin with: one that measures, one that certifies. Text, nothing else."""

from __future__ import annotations

TRAINER = """\
---
name: Trainer
description: Measures proposals against the lead on the same seeds.
---

Every proposal is measured in pairs with the present lead. What looks promising goes to the referee.
"""
REFEREE = """\
---
name: Referee
description: Certifies a lead against the champion on fresh seeds, or does not.
---

Only fresh pairs count: same seeds, same machine, interleaved, until the evidence is beyond doubt or the cap is reached.
"""
