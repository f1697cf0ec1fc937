"""Documents → manifest: `compile_org` for a folder, `read_role_files` for loose role files, `page` for a code."""

from __future__ import annotations

from orgruntime.compiler.compile import Compilation, compile_org
from orgruntime.compiler.explain import page
from orgruntime.compiler.library import library_root
from orgruntime.compiler.loose import read_role_files
from orgruntime.compiler.rolefile import FileReport

__all__ = ["Compilation", "FileReport", "compile_org", "library_root", "page", "read_role_files"]
