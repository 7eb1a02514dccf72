"""The command line: one module for each command, `main` for the group."""
