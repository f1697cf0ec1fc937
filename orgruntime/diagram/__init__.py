"""The agent graph as names, labels and text: what a picture, a page and a program's own diagram all start from."""
