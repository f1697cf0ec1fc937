"""Every tool that the driver serves, by name. Data only."""

from __future__ import annotations

from collections.abc import Mapping

from orgruntime.runtime.service import ServiceTool
from orgruntime.runtime.services import ablate_tool, human_tool, ledger_tool, notebook_tool, trial_tool

_MODULES = (trial_tool, ledger_tool, notebook_tool, human_tool, ablate_tool)

SERVICES: Mapping[str, ServiceTool] = {module.TOOL.spec.name: module.TOOL for module in _MODULES}
