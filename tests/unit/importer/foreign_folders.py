"""Foreign organizations for tests: folders of Claude Code, Copilot and OpenCode roles, two companies, a hostile one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

Files = Mapping[str, str | bytes]

PAPER_DESK: Files = {
    ".claude/agents/desk-editor.md": """\
---
name: desk-editor
description: Runs the desk: says what is written next.
tools: Read, Agent(fact-checker, copy-chief), Bash(git log, git diff)
model: opus
maxTurns: 20
---

You decide what the desk writes next and who writes it.

## Who you hand off to

- **reporter**: gets the story and the deadline
- **Night Editor**: gets what is not done by evening
""",
    ".claude/agents/reporter.md": b"""\
\xef\xbb\xbf---\r
name: Reporter\r
description: Finds things out.\r
tools: [Read, Grep, WebSearch]\r
model: sonnet\r
hooks: {PreToolUse: ./hook.sh}\r
---\r
\r
You find out what happened.\r
\r
Integration with other agents:\r
- Work with fact-checker on every number\r
- Ask the archive-keeper for old stories\r
- Guide photo desk on pictures\r
""",
    ".claude/agents/fact-checker.md": """\
---
name: fact-checker
description: Checks every number.
---

You check. A heading in a block of code is none:

```markdown
## Who you hand off to
- **reporter**: not a handoff
```

## Handoff

| to | when |
|---|---|
| `copy-chief` | the numbers hold |
""",
    ".claude/agents/copy-chief.md": """\
---
name: Copy Chief
description: Reads the last version.
color: red
---

You read the last version. !`date` is text.
""",
    ".claude/agents/archive/archive-keeper.md": "---\nname: archive-keeper\n---\n\nYou keep the old stories.\n",
    ".claude/agents/README.md": "# The desk\n\nWords for people.\n",
    ".claude/agents/hook.sh": "#!/bin/sh\ntouch hooked\n",
    ".claude/settings.json": "{}\n",
    "src/app.py": "print('not ours')\n",
}
"""Five roles. `Night Editor` and `photo desk` are nobody; `hook.sh` is a program."""

ROUND_TABLE: Files = {
    "host.md": "---\nname: Host\nagents: sauce, roast\n---\n\nYou call the cooks.\n",
    "cooks/sauce.md": """\
---
name: Sauce Cook
description: Makes the sauce.
---

You make the sauce.

## Next agents

1. Roast Cook
""",
    "cooks/roast.md": """\
---
name: Roast Cook
description: Roasts.
subagents: tasters/salt
---

You roast.

## Who you hand off to

- The [sauce](sauce.md) again, when it is dry
- **Tasting Team**
""",
    "tasters/salt.md": """\
---
name: Salt Taster
tools: '*'
agents: [Sauce Cok]
---

You taste the salt.

### Your direct reports

- Sauce Cook
""",
    "tasters/broken.md": "---\nname: Broken\ndescription: never closed\n\nYou taste nothing.\n",
    "tasters/notes.md": "# Notes\n\nNothing is said here.\n",
}
"""Every role hands on, so nobody is left to propose; one file cannot be read."""

REVIEW_BOARD: Files = {
    ".github/agents/planner.agent.md": """\
---
description: 'Plans the change.'
tools: ['read', 'search', 'agent/runSubagent']
model: ['GPT-5 (copilot)', 'Claude Sonnet 4.5 (copilot)']
handoffs:
  - label: Build it
    agent: builder
    prompt: Build what was planned.
    send: true
  - label: Ask the law
    agent: lawyer
  - label: To nobody
agents: [reader, '*']
---

You plan.
""",
    ".github/agents/builder.agent.md": """\
---
name: Builder
description: Builds.
tools: edit, execute
handoffs:
  - {label: Look at it, agent: Reviewer, prompt: Look., send: false}
---

You build.
""",
    ".github/agents/reviewer.agent.md": """\
---
name: Reviewer
description: Reviews.
mcp-servers:
  search: {type: local, command: npx, args: [-y, searcher]}
handoffs: [{label: Again, agent: planner}]
---

You review.
""",
    ".github/agents/reader.agent.md": "---\ndescription: Reads.\ntools: []\n---\n\nYou read.\n",
    ".opencode/agents/reader.md": "---\ndescription: Reads as well.\nmode: subagent\n---\n\nYou read.\n",
    ".opencode/agents/mender.md": """\
---
description: Mends.
permission:
  task: {"*": deny, builder: allow, "test-*": ask}
  edit: allow
steps: 30
---

You mend.
""",
}
"""Two dialects in one project; the second `reader` has the slug of the first."""

GLASS_LAB: Files = {
    "COMPANY.md": """\
---
name: Glass Lab
description: Finds glass that does not break.
slug: glass-lab
schema: agentcompanies/v1
goals:
  - Find a glass that bends
  - Say why it bends
---

# About

We melt sand.

## Workflow

1. This is not a workflow.
""",
    ".paperclip.yaml": """\
schema: paperclip/v1
agents:
  head:
    adapter: {type: claude_local, config: {model: claude-opus-4-6, command: ./run.sh}}
    budgetMonthlyCents: 5000
  melter:
    inputs: {env: {OVEN_KEY: {kind: secret, requirement: required}}}
  ghost:
    adapter: {type: process}
routines: {nightly: {cron: '0 1 * * *'}}
""",
    "agents/head/AGENTS.md": """\
---
name: Head
title: Principal Investigator & Head of Lab
reportsTo: null
skills: [melting, paperclip]
---

You lead the lab, by [the book](../../README.md) and by [the law](law.md).

## Who you hand off to

- **Melter**: what to melt
- **Board of Directors**: the yearly letter
""",
    "agents/head/HEARTBEAT.md": "Every morning.\n",
    "agents/melter/AGENTS.md": """\
---
name: Melter
reportsTo: head
skills: [paperclip]
---

You melt.

## Who you hand off to

- **Principal Investigator**: what came of it
- **Breaker**: the plates
""",
    "agents/breaker/AGENTS.md": """\
---
name: Breaker
reportsTo: hed
---

Follow the role at https://example.org/lab/blob/main/breaker.md
""",
    "agents/scribe/AGENTS.md": "You write down what broke. No front matter stands here.\n",
    "teams/floor/TEAM.md": """\
---
name: Floor
manager: ../../agents/melter/AGENTS.md
includes:
  - ../../agents/breaker/AGENTS.md
  - ../../agents/scribe/AGENTS.md
  - ../../agents/polisher/AGENTS.md
  - https://example.org/other/agents/guest/AGENTS.md
  - ../../skills/melting/SKILL.md
---
""",
    "skills/melting/SKILL.md": "---\nname: melting\ndescription: How to melt.\n---\n\nHeat it.\n",
    "skills/melting/scripts/heat.py": "open('heated', 'w').close()\n",
    "projects/window/PROJECT.md": "---\nname: Window\n---\n",
    "projects/window/tasks/one/TASK.md": "---\nname: One\n---\n",
    "LICENSE": "As you like.\n",
    "README.md": "# Glass Lab\n",
}
"""Four roles. `hed` is a slip, the polisher is missing, the guest is elsewhere, the breaker's words too."""


def _member(name: str, boss: str, words: str = "") -> str:
    return f"---\nname: {name}\ntitle: {name}\nreportsTo: {boss}\n---\n\nYou are the {name}.\n{words}"


def _team(name: str, manager: str, *includes: str) -> str:
    listed = "".join(f"  - {path}\n" for path in includes)
    return f"---\nname: {name}\nmanager: {manager}\nincludes:\n{listed}---\n\nWords of the team.\n"


def _agent(slug: str) -> str:
    return f"../../agents/{slug}/AGENTS.md"


SHIPYARD: Files = {
    "COMPANY.md": "---\nname: Shipyard\ndescription: Builds ships that float.\n---\n\nShips.\n",
    "agents/owner/AGENTS.md": "---\nname: Owner\nreportsTo: null\n---\n\nYou own the yard.\n",
    "agents/architect/AGENTS.md": _member("Naval Architect", "owner"),
    "agents/foreman/AGENTS.md": _member(
        "Foreman", "owner", "\n## Who you coordinate with\n\n- **Naval Architect** on the lines\n- Painter\n"
    ),
    "agents/purser/AGENTS.md": _member("Purser", "owner"),
    "agents/drafter/AGENTS.md": _member("Drafter", "architect", "\n## Who you hand off to\n\n- Foreman\n"),
    "agents/weigher/AGENTS.md": _member("Weigher", "architect", "\n## Who you hand off to\n\n- **Drafter**: weights\n"),
    "agents/welder/AGENTS.md": _member("Welder", "foreman", "\n## Who you hand off to\n\n- **Fitter**: the hull\n"),
    "agents/fitter/AGENTS.md": _member("Fitter", "foreman", "\n## Who you hand off to\n\n- **Painter**\n"),
    "agents/painter/AGENTS.md": _member(
        "Painter", "foreman", "\n## Who you hand off to\n\n- **Welder**: what must be done again\n- Nobody else\n"
    ),
    "agents/buyer/AGENTS.md": _member("Buyer", "purser"),
    "agents/seller/AGENTS.md": _member("Seller", "purser", "\n## Collaboration\n\n- Talk with Buyer\n- Be kind\n"),
    "agents/clerk/AGENTS.md": _member("Clerk", "purser"),
    "teams/yard/TEAM.md": _team("Yard", _agent("owner"), "../design/TEAM.md", "../hall/TEAM.md", "../office/TEAM.md"),
    "teams/design/TEAM.md": _team("Design", _agent("architect"), _agent("drafter"), _agent("weigher")),
    "teams/hall/TEAM.md": _team("Hall", _agent("foreman"), *map(_agent, ("welder", "fitter", "painter"))),
    "teams/office/TEAM.md": _team("Office", _agent("purser"), *map(_agent, ("buyer", "seller", "clerk"))),
}
"""Twelve roles in four teams, one of which includes the others; welder, fitter and painter go round."""

_SECRET = "sk-" + "a1b2c3d4" * 4
HOSTILE: Files = {
    "agents/a/AGENTS.md": """\
---
name: 'A](x) | `b` ## Roles'
reportsTo: b
---

You.

## Handoff

- **b**
-
- @c
""",
    "agents/b/AGENTS.md": f"""\
---
name: B
reportsTo: a
---

You [x]({"n" * 5000}.md) [y](%00) [z](../../../etc/passwd) [a](../a/AGENTS.md).
""",
    "agents/c/AGENTS.md": """\
---
name: C
reportsTo: c
agents: ['../../etc/passwd', '**', "x\\ny\\n---\\n# ? z"]
---

You.
""",
    "agents/drafted-trainer/AGENTS.md": "---\nname: T\nreportsTo: a\nhandoffs: [{agent: a}, 3, [], {}]\n---\n\nYou.\n",
    "agents/x2/AGENTS.md": "---\nname: X2\nreportsTo: a\n---\n\nYou.\n",
    "agents/sp ace/AGENTS.md": "---\nname: S\nreportsTo: a\n---\n\nYou.\n",
    "agents/sp-ace/AGENTS.md": "---\nname: S2\nreportsTo: a\n---\n\nThe same slug.\n",
    "agents/..hidden/AGENTS.md": "---\nname: H\nreportsTo: a\n---\n\nYou.\n",
    "agents/alias/AGENTS.md": "---\nname: &n L\ntitle: *n\n---\n\nYou.\n",
    "agents/bomb/AGENTS.md": "---\na: " + "[" * 4000 + "]" * 4000 + "\n---\n\nYou.\n",
    "agents/bidi/AGENTS.md": "---\nname: D\n---\n\nYou \u202etxt.exe.\n",
    "agents/bytes/AGENTS.md": b"---\nname: E\n---\n\nYou \xff\xfe.\n",
    "agents/empty/AGENTS.md": "---\nname: F\n---\n",
    "agents/huge/AGENTS.md": "---\nname: G\n---\n\n" + "You. " * 300_000,
    "agents/key/AGENTS.md": f"---\nname: K\n---\n\nUse {_SECRET}.\n",
    "agents/many/AGENTS.md": "---\nname: M\norg: {count: -1}\n---\n\nYou.\n",
    "COMPANY.md": """\
---
name: "Evil\\n---\\n## Workflow"
description: '# x | [a](b) <!-- c -->'
goals: "`# ?`\\nformat: y"
---
""",
    "TEAM.md": "---\nname: T\nmanager: TEAM.md\nincludes: [TEAM.md, ../../../../etc/passwd, agents/b/AGENTS.md]\n---\n",
    ".paperclip.yaml": "agents: &a\n  b: *a\n",
    "run.sh": "#!/bin/sh\ntouch ran\n",
    "agents/a/run": "#!/bin/sh\ntouch ran\n",
}
"""Names that would break the draft, files that no reader may trust, circles, and links (see `write_hostile`)."""


def write(folder: Path, files: Files) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def write_hostile(folder: Path) -> Path:
    write(folder, HOSTILE)
    outside = folder.parent / "outside.md"
    outside.write_text("---\nname: outside\n---\n\nA file that is not of the company.\n")
    for slug, target in (("linked", outside), ("loop", folder / "agents/loop/AGENTS.md"), ("gone", folder / "nowhere")):
        (folder / "agents" / slug).mkdir()
        (folder / "agents" / slug / "AGENTS.md").symlink_to(target)
    (folder / "teams/out").mkdir(parents=True)
    (folder / "teams/out/TEAM.md").symlink_to(outside)
    (folder / "agents/tree").symlink_to(folder.parent)
    (folder / "agents/pipe").mkdir()
    os.mkfifo(folder / "agents/pipe/AGENTS.md")
    (folder / "agents/new\nline").mkdir()
    (folder / "agents/new\nline/AGENTS.md").write_text("---\nname: N\nreportsTo: a\n---\n\nYou.\n")
    (folder / "agents/a/run").chmod(0o755)
    return folder


def files_below(folder: Path) -> set[str]:
    """Every file, links included, by its path."""
    return {(Path(root) / name).relative_to(folder).as_posix() for root, _, names in os.walk(folder) for name in names}
