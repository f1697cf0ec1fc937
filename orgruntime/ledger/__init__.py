"""The append-only record of a run: the only truth about ideas, trials, verdicts, money and GPU time.

Import `orgruntime.ledger.store` (open, create, write), `.rows` (what reads return), `.errors`, `.audit`.
"""
