"""What scripts and notebooks import as `fibercut`; see docs/reference/python-api.md."""
