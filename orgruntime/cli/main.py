"""The command: which verbs there are and where they live. Imports no verb until it is called.

Knows names and one-line descriptions. Invariant: `orgrun --help` reads this table alone and costs one import of click.
"""

from __future__ import annotations

import os

import click

from orgruntime import __version__
from orgruntime.cli.group import LazyGroup, debug_option

# Pydantic looks for plugins in every installed distribution: a tenth of the time of `orgrun check`.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

VERBS = {
    "init": "Make a small working org from a template.",
    "import": "Draft an org from a bare program.md, or from another tool's roles.",
    "check": "Compile orgs and role files; list every fault with its remedy.",
    "fix": "Mend what check found where that is safe; --diff shows it.",
    "fmt": "Format the workflow list of program.md, and draw its diagram.",
    "explain": "Print the page of a rule, such as ORG204.",
    "schema": "Print the JSON Schema of the front matter, or of a payload.",
    "lsp": "Serve an editor: diagnostics, completion, hover as you type.",
    "graph": "Draw the agent graph as Mermaid, DOT, SVG or PNG.",
    "plan": "Show what would run, where, at what cost, with what authority.",
    "simulate": "Show what an appetite and a budget come to in a made-up world.",
    "run": "Run an org, or a saved plan.",
    "resume": "Go on with a run that was stopped, paused, or lost its driver.",
    "status": "Show where a run stands.",
    "ls": "List the runs.",
    "logs": "Print a run's events, or what a trial printed.",
    "stop": "Ask a live run to stop; it can be resumed.",
    "idea": "Put an idea into the queue of a run.",
    "answer": "Answer what a run asks people; list what it asks.",
    "report": "Write the report of a run and print where it is.",
    "verify": "Check a champion's certificate, and measure it again.",
    "fork": "Copy an org from a folder or a git repository, and make it your own.",
    "trust": "Show what a fork may do, and accept it.",
    "diff": "Show what two orgs differ in: in meaning, in authority, in text.",
}

GROUPS = {
    "Write an org": ("init", "import", "check", "fix", "fmt", "explain", "schema", "lsp", "graph"),
    "Run it": ("plan", "simulate", "run", "resume", "status", "ls", "logs", "stop", "idea", "answer"),
    "Use what was found": ("report", "verify"),
    "Share it": ("fork", "trust", "diff"),
}

EXAMPLES = """\
orgrun init my-lab            a small org that needs no key, no GPU and no network
orgrun check my-lab           every fault with its line and its remedy
orgrun run my-lab             run it; the report is written when it ends
orgrun COMMAND --help         what a command takes, with examples
"""


@click.group(
    "orgrun",
    cls=LazyGroup,
    verbs=VERBS,
    sections=GROUPS,
    examples=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.version_option(__version__, "--version", prog_name="orgrun", message="%(prog)s %(version)s")
@debug_option
def main() -> None:
    """Compile a folder of markdown into a research organization, and run it on Ray."""


if __name__ == "__main__":
    main(prog_name="orgrun")
