"""orgruntime: a research organization is a folder of markdown; this compiles it and runs it on Ray."""

__version__ = "0.1.0"
