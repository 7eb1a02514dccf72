"""The scripts and style sheets of pages: files beside this module, read when a page is made."""

from __future__ import annotations

from importlib.resources import files


def asset(name: str) -> str:
    """A file of `experiments/report/assets` as text."""
    return files("experiments.report").joinpath("assets", name).read_text(encoding="utf-8")
