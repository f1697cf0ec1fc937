"""Baselines of `check` on disk: accepted findings in, new ones out.

Invariant: files are named relative to the baseline's own folder, so it means the same wherever the command is called;
a baseline is replaced whole or not at all.
"""

from __future__ import annotations

import json
from pathlib import Path

from orgruntime.api.checking import Checked
from orgruntime.api.errors import UserError
from orgruntime.api.files import replace_file
from orgruntime.api.settings import name_below
from orgruntime.diagnostics.baseline import BadBaseline, Fingerprints, as_baseline, known_of, sift


def fingerprints(checked: Checked, root: Path | None = None) -> Fingerprints:
    """Those of what was found, with files named relative to `root`, else to the working folder."""
    return Fingerprints(checked.texts, lambda shown: name_below(root or Path(), shown))


def against_baseline(checked: Checked, file: Path) -> Checked:
    """What the baseline does not accept. Raises UserError where it cannot be read."""
    try:
        known = known_of(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise UserError(f"there is no baseline {file}; `--write-baseline` makes it from what is found now") from error
    except (OSError, ValueError) as error:
        why = str(error) if isinstance(error, BadBaseline) else getattr(error, "strerror", None) or "it is not JSON"
        raise UserError(f"the baseline {file} cannot be read: {why}; `--write-baseline` writes it anew") from error
    sifted = sift(checked.diagnostics, fingerprints(checked, file.parent), known)
    return checked._replace(diagnostics=sifted.new, baseline=sifted)


def write_baseline(checked: Checked, file: Path) -> int:
    """Accepts every error and warning that is there now; the number of them. Raises UserError."""
    content = as_baseline(checked.diagnostics, fingerprints(checked, file.parent))
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    try:
        replace_file(file, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UserError(f"the baseline {file} cannot be written: {error.strerror or error}") from error
    return sum(int(entry["count"]) for entry in content["findings"])
