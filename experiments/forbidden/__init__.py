"""Spans that a workload's packets must not use: declared, and counted at the spans' ends."""
