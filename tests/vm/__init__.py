"""Fibercut on fresh systems: the clock `real` in a virtual machine, the whole suite in a container.

By hand, because it takes minutes to hours: `python -m tests.vm --help`.
"""
