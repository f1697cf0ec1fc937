"""Line ends of Windows, or of old Macs. They are read as line ends, and no tool of ours changes them."""

from __future__ import annotations

from orgruntime.diagnostics.codes import CARRIAGE_RETURNS
from orgruntime.diagnostics.diagnostic import Fault

CODE = CARRIAGE_RETURNS


def read_as_line_ends() -> Fault:
    message = "the lines end with carriage returns, as Windows writes them; they are read as line ends"
    return Fault(CODE, message, "nothing has to be done")
