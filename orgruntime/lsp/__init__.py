"""The language server: what an editor asks of an org, over the Language Server Protocol. `serve` is the way in.

Reads only what the editor has opened, the org's folder and the shared library; runs nothing and writes nothing.
"""
