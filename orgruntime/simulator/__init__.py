"""The scheduler on a virtual clock, in worlds whose truth is known."""
