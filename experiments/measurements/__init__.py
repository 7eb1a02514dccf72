"""What a trial measured, as tables; see docs/reference/run-folder.md."""
