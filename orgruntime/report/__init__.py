"""What people see of a run: `results.tsv`, the progress picture, the page, the drawing of the agent graph."""
