"""Import a folder: see what it is, and hand it to the importer of that kind. Never writes into the folder itself."""

from __future__ import annotations

from pathlib import Path

from orgruntime.api.errors import UserError
from orgruntime.importer.kinds import Kind, kind_of


def import_path(path: Path, into: Path | None) -> None:
    """Raises UserError for what is no folder of a known kind."""
    try:
        kind = kind_of(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    if kind is Kind.ORG:
        raise UserError(f"{path} is an org already: check it with `orgrun check {path}`")
    raise UserError(f"{path}: nothing here can be imported")
