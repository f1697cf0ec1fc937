"""`orgrun lsp`: the language server for editors."""

from __future__ import annotations

import importlib.util
import sys

import click

from orgruntime.api.errors import UserError
from orgruntime.cli.group import Verb
from orgruntime.cli.options import verb

EXAMPLES = """\
orgrun lsp                what an editor starts; docs/editors.md has the settings of each
orgrun lsp --tcp 4389     one editor connects to 127.0.0.1:4389
"""
_EXTRA = "the language server needs the extra `lsp`: pip install 'orgruntime[lsp]'"


@click.command("lsp", cls=Verb, examples=EXAMPLES)
@click.option("--stdio", is_flag=True, help="Speak on the standard streams, which is the default.")
@click.option(
    "--tcp", "port", type=click.IntRange(0, 65535), metavar="PORT", help="Listen on 127.0.0.1; 0: a free port."
)
@verb
def command(stdio: bool, port: int | None) -> int:
    """Serve an editor over the Language Server Protocol, until it says `exit`.

    The findings of `orgrun check` as you type, completion, hover, definitions, references, outline, rename.
    """
    if stdio and port is not None:
        raise click.UsageError("--stdio and --tcp exclude each other; give one")
    if importlib.util.find_spec("pygls") is None:
        raise UserError(_EXTRA)
    from orgruntime.lsp.serving import serve_stdio, serve_tcp

    if port is None:
        if sys.stdin.isatty():
            click.echo("orgrun: waiting for an editor on standard input; Ctrl-C ends this", err=True)
        return serve_stdio()
    try:
        return serve_tcp(port)
    except OSError as error:
        raise UserError(f"cannot listen on 127.0.0.1:{port}: {error.strerror}; choose another port") from error
