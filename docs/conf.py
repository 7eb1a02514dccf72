"""Sphinx' configuration: `./fibercut docs` builds these pages, and fails for any dead link."""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parent), str(_HERE / "_extensions")]

from experiments.versions import fibercut_version  # noqa: E402 - found through the path above

project = "Fibercut"
author = "The Fibercut authors"
copyright = author  # noqa: A001 - Sphinx' own name
release = version = fibercut_version()

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinxcontrib.mermaid",
    "plain_docstrings",
    "schema_tables",
]
exclude_patterns = ["_build", "_extensions", "schema/*.json"]

# Links between pages go to headings, as on GitHub, and every one of them is checked.
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]
nitpicky = True

default_role = "code"
# Options begin with two hyphens.
smartquotes = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
# Types in signatures are told, not linked: not every one has a page.
nitpick_ignore_regex = [("py:.*", ".*")]

html_theme = "furo"
html_title = f"Fibercut {version}"
html_theme_options = {"navigation_with_keys": True}
pygments_style = "tango"
pygments_dark_style = "monokai"
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True

# `./fibercut docs --external` asks every page of others that is linked here.
linkcheck_timeout = 20
linkcheck_workers = 4
