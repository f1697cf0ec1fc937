"""Every tool that the driver serves, by name. Data only."""

from __future__ import annotations

from collections.abc import Mapping

from orgruntime.runtime.service import ServiceTool
from orgruntime.runtime.services import trial_tool

SERVICES: Mapping[str, ServiceTool] = {tool.spec.name: tool for tool in (trial_tool.TOOL,)}
