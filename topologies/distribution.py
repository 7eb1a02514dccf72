"""Mininet as the Linux distribution ships it, also for a Python that does not look there.

PyPI's Mininet lacks the program mnexec, so Mininet comes from the distribution. A virtual
environment made without `--system-site-packages` does not see the distribution's packages; this
finds the one of them that Fibercut needs, and none of the others, which would shadow newer ones.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import Distribution, DistributionFinder, MetadataPathFinder
from types import ModuleType

PACKAGE = "mininet"
# Debian's and Ubuntu's folder of pure Python packages, whatever the version of Python.
FOLDERS = ("/usr/lib/python3/dist-packages",)


class DistributionPackages(MetaPathFinder):
    """Finds `PACKAGE` and its metadata in `folders`; asked last, after Python's own finders."""

    def __init__(self, folders: Sequence[str] = FOLDERS) -> None:
        self._folders = list(folders)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where to load the package from; what is inside it Python finds itself."""
        return PathFinder.find_spec(fullname, self._folders) if fullname == PACKAGE else None

    def find_distributions(
        self, context: DistributionFinder.Context | None = None
    ) -> Iterable[Distribution]:
        """Its version, for importlib.metadata. Nothing for a search through other folders."""
        if context is None or context.name != PACKAGE or "path" in vars(context):
            return ()
        inside = DistributionFinder.Context(name=PACKAGE, path=self._folders)
        return MetadataPathFinder.find_distributions(inside)


def see_distribution() -> None:
    """Let this process import the distribution's Mininet, if it does not already."""
    if not any(isinstance(finder, DistributionPackages) for finder in sys.meta_path):
        sys.meta_path.append(DistributionPackages())
