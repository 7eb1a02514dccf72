"""Which reader a file needs, and its bytes, however broken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from topologies.files import reason
from topologies.imports.gml import read_gml
from topologies.imports.graph import Graph
from topologies.imports.graphml import local_name, read_graphml
from topologies.imports.node_link import is_node_link, read_node_link
from topologies.imports.options import ImportOptions
from topologies.imports.sndlib import read_native, read_sndlib_xml
from topologies.problems import InputError, Problem, shown

# A .json file may also be a topology of our own; see `is_graph_file`.
SUFFIXES = frozenset({".graphml", ".gml", ".xml", ".txt"})
MOST_BYTES = 32_000_000
_DEEPEST = 100
_SUPPORTED = "GraphML (.graphml), GML (.gml), node-link JSON (.json), SNDlib (.xml, .txt)"


def is_graph_file(path: Path) -> bool:
    """Whether a file is for this package, by its suffix; JSON by its content too."""
    if path.suffix.lower() == ".json":
        try:
            return is_node_link(json.loads(path.read_bytes()))
        except (OSError, ValueError, RecursionError):
            return False  # the reader of own files says what is wrong with it
    return path.suffix.lower() in SUFFIXES


def read_graph(path: Path, options: ImportOptions) -> Graph:
    """The graph in a file. Raises InputError when there is none, with every problem of it."""
    content = _content(path)
    name = str(path)
    match path.suffix.lower():
        case ".gml":
            return read_gml(name, path.stem, _text(name, content), options)
        case ".txt":
            return read_native(name, path.stem, _text(name, content), options)
        case ".json":
            return read_node_link(name, path.stem, _json(name, content), options)
    return _graph_in_xml(name, path.stem, content, options)


def _graph_in_xml(name: str, stem: str, content: bytes, options: ImportOptions) -> Graph:
    root = _xml(name, content)
    match kind := local_name(root.tag):
        case "graphml":
            return read_graphml(name, stem, root, options)
        case "network":
            return read_sndlib_xml(name, stem, root, options)
    raise _bad(name, f"is XML of the kind <{kind}>, not a graph; supported are: {_SUPPORTED}")


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise _bad(str(path), f"cannot be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise _bad(str(path), f"larger than {MOST_BYTES // 1_000_000} MB; no network needs that")
    if not content.strip():
        raise _bad(str(path), "must be a graph, and is empty")
    return content


def _is_deeper(data: Any, levels: int) -> bool:
    """Whether lists and mappings lie in each other deeper than so many levels."""
    level = [data] if isinstance(data, dict | list) else []
    for _ in range(levels):
        level = [
            inner
            for value in level
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad(name, f"not a text file (byte {error.start} is not UTF-8)") from None


def _json(name: str, content: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(content)
    except RecursionError:
        raise _bad(name, "not valid JSON: nested too deeply") from None
    except ValueError as error:
        raise _bad(name, f"not valid JSON: {reason(error)}") from None
    # What is too deep for the reader differs from one Python to the next.
    if _is_deeper(data, _DEEPEST):
        raise _bad(name, "not valid JSON: nested too deeply")
    if not isinstance(data, dict):
        raise _bad(name, f"must be a mapping with nodes and edges, not {shown(data)}")
    return data


def _xml(name: str, content: bytes) -> Element:
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except DefusedXmlException:
        message = "has a document type or entities, which are refused; remove the <!DOCTYPE …> part"
        raise _bad(name, message) from None
    except (ParseError, ValueError, LookupError) as error:
        raise _bad(name, f"not valid XML: {error}") from None
    return root


def _bad(name: str, message: str) -> InputError:
    return InputError([Problem(name, message)])
