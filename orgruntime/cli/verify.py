"""`orgrun verify`: check a certificate, and measure it again."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from orgruntime.cli.group import FINDINGS, Verb
from orgruntime.cli.options import json_option, local_cluster_options, verb

EXAMPLES = """\
orgrun verify .orgrun/runs/my-lab-1/certificates/c1.json
orgrun verify c1.json --arithmetic           only recompute; run nothing
"""


@click.command("verify", cls=Verb, examples=EXAMPLES)
@click.argument("certificate", type=click.Path(path_type=Path))
@click.option("--arithmetic", is_flag=True, help="Recompute the evidence and rebuild the code, but run no trial.")
@local_cluster_options
@json_option
@verb
def command(certificate: Path, arithmetic: bool, as_json: bool, **cluster: object) -> int:
    """Recompute a certificate's evidence, rebuild the champion's code, and measure every pair again on a local Ray.

    Exit code 0: verified; 1: something differs, and it says what.
    """
    from orgruntime.api.verifying import verify
    from orgruntime.cli.own_stream import own_stream
    from orgruntime.cli.views import cluster_choice
    from orgruntime.diagnostics.render import printable

    choice = cluster_choice({"address": None, **cluster})
    with own_stream(sys.stderr if as_json else sys.stdout) as out:
        report = verify(
            certificate, rerun=not arithmetic, cluster=choice, tell=lambda line: print(printable(line), file=out)
        )
    if as_json:
        click.echo(json.dumps(report.as_json(), ensure_ascii=False))
    else:
        click.echo(printable(report.verdict))
    return 0 if report.verified else FINDINGS
