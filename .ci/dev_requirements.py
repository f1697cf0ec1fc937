"""Print the `dev` group of pyproject.toml as requirements. `pip install --group` would ask for pip 25.1 or newer."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

groups = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
sys.stdout.write("\n".join(groups["dev"]) + "\n")
