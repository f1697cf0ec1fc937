"""Files of the user that are written anew: whole or not at all.

Invariant: whoever reads meanwhile sees the old content or the new one; links stay links, rights stay as they were.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Puts `content` in the place of the file, or of nothing. Raises OSError, and then the file is as it was."""
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        if target.exists():
            shutil.copymode(target, beside)
        beside.replace(target)
    except OSError:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
