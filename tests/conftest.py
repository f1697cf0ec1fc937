"""For every test: what a test starts keeps its bytecode, as an installed package has it.

Where the environment forbids that, each of several hundred processes would compile the package anew.
"""

from __future__ import annotations

import os
import sys

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
