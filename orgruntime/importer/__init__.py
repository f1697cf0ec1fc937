"""Other people's organizations as drafts of ours: what was found, where, how sure, and what must still be asked.

Reads folders, runs nothing. Knows the format of orgs, nothing of runs. Invariant: a fact has its place in some file,
and what has none is a question, never a guess.
"""
