"""The settings that docs/editors.md shows can be read by what they are for, and start the server."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

PAGE = (Path(__file__).parents[2] / "docs" / "editors.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_settings_of_vs_code() -> None:
    (settings,) = (json.loads(block) for block in blocks("json"))

    assert [settings["glspc.server.command"], *settings["glspc.server.commandArguments"]] == ["orgrun", "lsp"]
    assert settings["glspc.server.languageId"] == ["markdown"]


def test_settings_of_helix_and_zed() -> None:
    helix, extension, cargo = (tomllib.loads(block) for block in blocks("toml"))

    server: dict[str, Any] = helix["language-server"]["orgrun"]
    assert [server["command"], *server["args"]] == ["orgrun", "lsp"]
    assert "orgrun" in helix["language"][0]["language-servers"]
    assert extension["language_servers"]["orgrun"]["languages"] == ["Markdown"]
    assert extension["id"] == cargo["package"]["name"]


def test_settings_in_other_languages_name_the_command() -> None:
    for language, words in (("lua", "'orgrun', 'lsp'"), ("elisp", '"orgrun" "lsp"'), ("rust", 'which("orgrun")')):
        (block,) = blocks(language)
        assert words in block
        assert [block.count(left) for left in "([{"] == [block.count(right) for right in ")]}"]
