"""The report of a run, and the files that follow from its ledger. Everything here can be made again at any time."""

from __future__ import annotations

from pathlib import Path

from orgruntime.api.errors import UserError
from orgruntime.api.folders import RunFolder
from orgruntime.api.stories import story_of
from orgruntime.ledger.store import Ledger

REFERENCES = "references.tsv"
"""Optional frozen file of a workspace: `name<TAB>value` rows that keep a report honest."""


def write_report(folder: RunFolder) -> dict[str, Path]:
    """Writes progress.png, report.html, results.tsv, and champion.patch (against the base commit) where there is a
    champion; returns name → path. Raises UserError."""
    from orgruntime.diagram.graph import drawing_of
    from orgruntime.report.page import report_html
    from orgruntime.report.progress import progress_png
    from orgruntime.report.results import results_tsv

    manifest = folder.manifest()
    with folder.ledger() as ledger, ledger.snapshot():
        story = story_of(manifest, ledger, folder, references(folder, ledger))
        champion = ledger.champion()
    picture = progress_png(story)
    contents: dict[str, bytes] = {
        "progress.png": picture,
        "report.html": report_html(story, drawing_of(manifest), picture).encode(),
        "results.tsv": results_tsv(story).encode(),
    }
    if champion is not None and champion.certificate is not None:
        contents["champion.patch"] = champion.certificate.patch.encode()
    paths = {}
    try:
        folder.report.mkdir(exist_ok=True)
        for name, content in contents.items():
            paths[name] = folder.report / name
            paths[name].write_bytes(content)
    except OSError as error:
        raise UserError(f"{folder.report} cannot be written: {error.strerror}") from error
    return paths


def export_certificates(ledger: Ledger, folder: RunFolder) -> list[Path]:
    """Every certificate of the ledger as a JSON file."""
    paths = []
    for row in ledger.champion_history():
        if row.certificate is not None:
            folder.certificates.mkdir(exist_ok=True)
            path = folder.certificates / f"{row.certificate.id}.json"
            path.write_text(row.certificate.model_dump_json(indent=1) + "\n", encoding="utf-8")
            paths.append(path)
    return paths


def references(folder: RunFolder, ledger: Ledger) -> list[tuple[str, float]]:
    """The honest rows that the workspace ships; rows that are not `name<TAB>number` are left out."""
    from orgruntime.backends.git_workspace import GitWorkspace

    base = ledger.run().base_commit
    if base is None or not folder.git_dir.exists():
        return []
    try:
        text = GitWorkspace.open(folder.git_dir).read(base, REFERENCES).decode("utf-8", errors="replace")
    except KeyError:
        return []
    rows = []
    for line in text.splitlines():
        name, tab, value = line.partition("\t")
        try:
            rows.append((name.strip(), float(value)))
        except ValueError:
            continue
    return rows
