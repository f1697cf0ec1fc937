"""Tools that the driver serves to language models, one module a tool, and what all of them are."""
