"""What pydantic loads only to look for plugins, left out where there are to be none.

It asks `importlib.metadata`, and with it come email, zipfile and sockets: 6 % of the instructions of `orgrun check`.
Knows one module of pydantic by its name. Invariant: the stand-in answers one question, the one to which the answer is
known; whatever else is asked of it comes from the real module.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Any

_LOADER = "pydantic.plugin._loader"


def leave_out() -> None:
    """To be called before the first noun is defined. Does nothing unless the environment switches all plugins off."""
    if os.environ.get("PYDANTIC_DISABLE_PLUGINS") == "__all__":
        sys.modules.setdefault(_LOADER, _NoPlugins(_LOADER))


class _NoPlugins(ModuleType):
    @staticmethod
    def get_plugins() -> tuple[()]:
        return ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(_LOADER) is self:
            del sys.modules[_LOADER]
        return getattr(importlib.import_module(_LOADER), name)
