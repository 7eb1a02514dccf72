"""Faults by hand: from the shell, from the live page, from Python.

See docs/how-to/cut-by-hand.md.
"""
