"""Get a topology by name: ours, a formula, a file of the user's, or one of TopoHub's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from topologies.checks import semantic_problems
from topologies.files import Document, plain, read_document
from topologies.imports.options import DEFAULTS, ImportOptions
from topologies.parametric import is_parametric, parametric_topology
from topologies.problems import InputError, Locate, Problem, from_validation, unknown, validated
from topologies.spec import Topology

CATALOGUE = Path(__file__).parent / "catalogue"


def catalogue_names() -> list[str]:
    """The topologies that come with Fibercut."""
    return sorted(path.stem for path in CATALOGUE.glob("*.yaml"))


def load_topology(
    name: str, base: Path | None = None, options: ImportOptions = DEFAULTS
) -> Topology:
    """The topology `name`: a catalogue name, a formula, a `topohub` key, or a file's path.

    A path is taken relative to `base` (the folder of the file that names it). `options` are
    for networks in other formats than our own.
    Raises InputError with every problem of the file.
    """
    # Large and seldom needed.
    from topologies.imports import entry as imports  # noqa: PLC0415

    if name in catalogue_names():
        return topology_from(read_document(CATALOGUE / f"{name}.yaml"))
    path = (base or Path()) / name
    if imports.is_graph_file(path):
        return imports.import_file(path, options)
    if name.endswith((".yaml", ".yml", ".json")):
        return topology_from(read_document(path))
    if is_parametric(name):
        return parametric_topology(name)
    if "/" in name:
        return imports.import_topohub(name, options)
    message = unknown("topology", name, catalogue_names())
    hint = "or a file, a formula such as ring:8, or topozoo/NAME from TopoHub"
    near = "" if "did you mean" in message else imports.topohub_hint(name)
    raise InputError([Problem(name, f"{message}; {hint}{near}")])


def topology_from(document: Document) -> Topology:
    """Check one document as a topology. Raises InputError with all its problems."""
    return check_topology(plain(document.data), document.locate)


def check_topology(data: Mapping[str, Any], locate: Locate) -> Topology:
    """Check plain data as a topology; `locate` words the place of each problem."""
    problems: list[Problem] = []
    topology = None
    try:
        topology = validated(Topology, data)
    except ValidationError as error:
        problems = from_validation(error, Topology, data, locate)
    problems += semantic_problems(data, locate)
    if problems or topology is None:
        raise InputError(problems)
    return topology
