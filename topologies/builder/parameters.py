"""Parameters that Mininet would take and then not use, or use only with a word on its console."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from mininet.link import Intf, Link, TCIntf, TCLink

from topologies.builder.errors import BuildError

# What Mininet's classes take out of their **params by name.
_OF_NODES = frozenset({"name", "inNamespace", "privateDirs", "waitExited", "period_us"})
_OF_LINKS = frozenset({"speedup", "disable_gro", "up"})
_GIVEN_BY_US = frozenset({"self", "node", "node1", "node2", "moveIntfFn"})


def refuse_unknown(what: str, given: Iterable[str], known: Collection[str]) -> None:
    """Raise BuildError for parameters that nothing would come of."""
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise BuildError(
            f"{what} knows no parameter {', '.join(map(repr, unknown))}; "
            f"it knows {', '.join(sorted(known))}"
        )


def check_node(call: str, kind: Any, given: Mapping[str, Any]) -> None:
    """Raise BuildError for parameters that a Mininet node would ignore."""
    refuse_unknown(call, given, _named(kind, "__init__", "config") | _OF_NODES)


def check_link(kind: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters for a Mininet link, of which none may be ignored and none out of range."""
    chosen = dict(given)
    if _is_a(kind, TCLink):
        chosen = {"cls1": StrictTCIntf, "cls2": StrictTCIntf, **chosen}
    interfaces = [chosen.get(name) or chosen.get("intf") or Intf for name in ("cls1", "cls2")]
    known = _named(kind, "__init__") | _OF_LINKS
    for interface in interfaces:
        known |= _named(interface, "__init__", "config")
    refuse_unknown("addLink()", chosen, known)
    return chosen


class StrictTCIntf(TCIntf):
    """Mininet's shaped interface, which raises where that one says «ignoring» and goes on."""

    def bwCmds(self, bw: float | None = None, **options: Any) -> Any:  # noqa: N802
        """Mininet's commands for a rate in Mbit/s. Raises BuildError outside its range."""
        if bw is not None and not 0 < bw <= self.bwParamMax:
            raise BuildError(
                f"{self.name}: Mininet shapes rates above 0 and up to {self.bwParamMax} Mbit/s, "
                f"not bw={bw:g}"
            )
        return super().bwCmds(bw=bw, **options)

    def delayCmds(self, parent: str, loss: float | None = None, **options: Any) -> Any:  # noqa: N802
        """Mininet's commands for delay and loss. Raises BuildError for no percentage."""
        if loss is not None and not 0 <= loss <= 100:
            raise BuildError(f"{self.name}: loss is a percentage from 0 to 100, not {loss:g}")
        return super().delayCmds(parent, loss=loss, **options)

    def tc(self, cmd: str, tc: str = "tc") -> str:
        """Run one command. Raises BuildError when it fails; a warning is none."""
        said: str = super().tc(cmd, tc)
        asks = " show " in cmd
        if not asks and any(line and "Warning:" not in line for line in said.splitlines()):
            raise BuildError(f"{self.name}: {said.strip()}")
        return said


def _named(kind: Any, *methods: str) -> frozenset[str]:
    """The names of the parameters of a class's methods, those of its ancestors among them."""
    found: set[str] = set()
    for ancestor in getattr(_unwrapped(kind), "__mro__", ()):
        for method in methods:
            if method in vars(ancestor):
                parameters = inspect.signature(vars(ancestor)[method]).parameters.values()
                found |= {one.name for one in parameters if one.kind not in _COLLECTING}
    return frozenset(found - _GIVEN_BY_US)


_COLLECTING = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _unwrapped(kind: Any) -> Any:
    """The class in a functools.partial, as Mininet's `custom` and `specialClass` make them."""
    while not isinstance(kind, type) and hasattr(kind, "func"):
        kind = kind.func
    return kind


def _is_a(kind: Any, ancestor: type[Link]) -> bool:
    found = _unwrapped(kind)
    return isinstance(found, type) and issubclass(found, ancestor)
