"""The use cases: what the command does, as functions. The only room where ports meet adapters.

Heavy imports (ray, langgraph, optuna, matplotlib) happen inside the functions that need them.
"""
