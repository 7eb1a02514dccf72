"""Topologies by formula, such as `ring:8`, `torus:4x4` or `fat-tree:4`."""

from topologies.parametric.families import FAMILIES, Family, Parameter
from topologies.parametric.names import is_parametric, parametric_topology

__all__ = ["FAMILIES", "Family", "Parameter", "is_parametric", "parametric_topology"]
