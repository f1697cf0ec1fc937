"""The nouns that cross a door between rooms: frozen pydantic models, one file a noun family, no I/O.

Import the noun's own module (`orgruntime.model.trial`), never this package.
"""

from orgruntime.model import plugins

plugins.leave_out()
