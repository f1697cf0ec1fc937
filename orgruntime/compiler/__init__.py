"""Documents → manifest: `compile_org` for a folder, `read_role_files` for loose role files, `page` for a code.

A name is imported when it is asked for: a check that remembers what it found needs none of what compiles.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__all__ = ["Compilation", "FileReport", "compile_org", "library_root", "page", "read_role_files"]

if TYPE_CHECKING:
    from orgruntime.compiler.compile import Compilation, compile_org
    from orgruntime.compiler.explain import page
    from orgruntime.compiler.filereport import FileReport
    from orgruntime.compiler.library import library_root
    from orgruntime.compiler.loose import read_role_files
else:
    _HOMES = {
        "Compilation": "compile",
        "FileReport": "filereport",
        "compile_org": "compile",
        "library_root": "library",
        "page": "explain",
        "read_role_files": "loose",
    }

    def __getattr__(name: str) -> object:
        if name in _HOMES:
            return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        raise AttributeError(f"the compiler has no {name!r}")
