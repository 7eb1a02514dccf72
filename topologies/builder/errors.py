"""What can go wrong while a network is built or changed."""

from __future__ import annotations


class BuildError(Exception):
    """The network could not be built or taken down; what had been made is undone."""


class LinkStatusError(BuildError):
    """A link could not be brought up or down: no such node, no such link, or no effect."""
