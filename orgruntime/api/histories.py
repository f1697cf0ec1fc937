"""What was tried before a run, as it lies beside an org: `history.jsonl`, one row a line. Reads; believes nothing."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from orgruntime.api.errors import UserError
from orgruntime.model.history import HISTORY_FILE, PastResult

MAX_BYTES = 16 << 20


def read_history(org: Path) -> tuple[PastResult, ...]:
    """The rows beside the org; none where there is no such file. Raises UserError for a line that is no row."""
    path = (org.parent if org.is_file() else org) / HISTORY_FILE
    if not path.is_file():
        return ()
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{path} is larger than 16 MiB; keep the newest rows")
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    return tuple(_row(path, number, line) for number, line in enumerate(lines, 1) if line.strip())


def _row(path: Path, number: int, line: str) -> PastResult:
    try:
        return PastResult.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"{path}:{number} is no row of a history ({where or 'the line'}: {first['msg']}); import it again, or "
            "remove it"
        ) from error
