"""What is likely wrong with a topology although it is valid: warnings with place and reason.

Every code is explained in docs/reference/lint.md.
"""

from topologies.lint.findings import CODES, Finding, LintSettings, Severity
from topologies.lint.run import lint

__all__ = ["CODES", "Finding", "LintSettings", "Severity", "lint"]
