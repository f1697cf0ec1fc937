"""Across orgs: what a fork is made of, and what two orgs differ in. Knows manifests and texts, no git and no network.

Import the module (`orgruntime.study.meaning`), never this package.
"""
