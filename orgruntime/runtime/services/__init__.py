"""Tools that the driver serves: each module exports `TOOL`, a `runtime.service.ServiceTool`."""
