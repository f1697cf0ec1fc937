"""For every test: what a test starts keeps its bytecode, as an installed package has it, and no example has a deadline.

Where the environment forbids bytecode, each of several hundred processes would compile the package anew. Hypothesis
gives an example 200 ms, which a busy machine passes now and then.
"""

from __future__ import annotations

import os
import sys

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
