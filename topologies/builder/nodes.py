"""Mininet's own nodes, interfaces and links over a network that already exists.

Mininet makes each thing by running shell commands as its object is constructed.
Here the objects are only names for what was made in one batch, and a node's
shell starts when it is first used.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from mininet.link import Intf, Link
from mininet.node import Host, Node, OVSSwitch

from topologies.builder.namespaces import Namespace
from topologies.builder.requests import LOOPBACK_INDEX
from topologies.plan import CONTROLLER_PORT

_SHELL_STATE = frozenset({"shell", "pid", "stdin", "stdout", "pollOut", "master", "slave"})


class Interface(Intf):
    """A device that was made and configured together with all others."""

    def __init__(
        self,
        name: str,
        node: Node,
        port: int,
        index: int,
        mac: str | None = None,
        ip: str | None = None,
    ) -> None:
        self.index = index
        super().__init__(name, node=node, port=port, mac=mac, moveIntfFn=_already_there)
        self.ip, self.prefixLen = ip, "32" if ip else None

    def config(self, **_params: Any) -> dict[str, Any]:
        """Nothing is left to configure."""
        return {}


class BuiltLink(Link):
    """A virtual Ethernet pair between two nodes; span_id: the plan's span, if it is one."""

    def __init__(self, intf1: Interface, intf2: Interface, span_id: str | None = None) -> None:
        # Mininet's own constructor makes the pair; ours is there already.
        self.intf1, self.intf2, self.span_id = intf1, intf2, span_id
        intf1.link = intf2.link = self


class LazyNode(Node):
    """A node whose shell starts when it is first used.

    `popen` starts its process straight in the node's network namespace (None: in
    the namespace of this program), without a shell.
    """

    isSetup = True  # noqa: N815

    def __init__(
        self, name: str, namespace: Namespace | None, pretend: bool = False, **params: Any
    ) -> None:
        self.namespace = namespace
        self._constructed = False
        super().__init__(name, inNamespace=pretend or namespace is not None, **params)
        for attribute in _SHELL_STATE:
            del self.__dict__[attribute]
        self._constructed = True

    @property
    def shell_started(self) -> bool:
        """Whether this node's shell runs."""
        return self.__dict__.get("shell") is not None

    def __getattr__(self, attribute: str) -> Any:
        if attribute not in _SHELL_STATE:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {attribute!r}")
        self.startShell()
        return self.__dict__[attribute]

    def startShell(self, mnopts: str | None = None) -> None:  # noqa: N802
        """Start the shell; Mininet's constructor asks for it too, and that is too early."""
        if not self._constructed:
            return
        self.shell = None
        self.inNamespace: bool = False  # entered by us, not made by mnexec
        try:
            super().startShell(mnopts)
        finally:
            self.inNamespace = self.namespace is not None

    def _popen(self, cmd: list[str], **params: Any) -> subprocess.Popen[Any]:
        with self._entered():
            return subprocess.Popen(cmd, **params)

    def popen(self, *args: Any, **kwargs: Any) -> subprocess.Popen[Any]:
        """As Mininet's: a process of this node, from a list, a string or words."""
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **kwargs}
        prefix = list(options.pop("mncmd", []))
        command = _words(args, shell=options.get("shell", False))
        if options.pop("shell", False):
            command = [os.environ.get("SHELL", "/bin/sh"), "-c", " ".join(command)]
        options.setdefault("start_new_session", True)
        return self._popen([*prefix, *command], **options)

    def terminate(self) -> None:
        """End the shell, if there is one."""
        if self.shell_started:
            super().terminate()
            self.__dict__["shell"] = None

    def _entered(self) -> AbstractContextManager[None]:
        return self.namespace.entered() if self.namespace else nullcontext()

    def __repr__(self) -> str:
        devices = ",".join(f"{i.name}:{i.IP()}" for i in self.intfList())
        pid = self.__dict__.get("pid")
        return f"<{type(self).__name__} {self.name}: {devices} pid={pid}> "


class BuiltHost(LazyNode, Host):
    """A host of the plan, in a network namespace of its own."""


class BuiltController(LazyNode):
    """The node in which all control channels end; the controller's process runs here."""

    protocol, port = "tcp", CONTROLLER_PORT

    def start(self) -> None:
        """The controller is started by who runs the network, with `popen`."""

    def checkListening(self) -> None:  # noqa: N802
        """Nothing to check: the controller is started later."""


class BuiltSwitch(LazyNode, OVSSwitch):
    """A site's Open vSwitch bridge; create and remove act on the bridge alone."""

    def __init__(
        self, name: str, dpid: int, create: Callable[[], None], remove: Callable[[], None]
    ) -> None:
        self._create, self._remove = create, remove
        # As if in a namespace, for else Mininet's constructor configures `lo` in a shell.
        super().__init__(name, None, pretend=True, dpid=f"{dpid:x}", protocols="OpenFlow13")
        self.inNamespace = False
        self.controlIntf = Interface("lo", self, port=0, index=LOOPBACK_INDEX)
        self.controlIntf.ip, self.controlIntf.prefixLen = "127.0.0.1", "8"

    def start(self, _controllers: Any) -> None:
        """Make the bridge again after `stop`."""
        self._create()

    def stop(self, deleteIntfs: bool = True) -> None:  # noqa: N803
        """Remove the bridge; its interfaces stay unless asked otherwise."""
        self._remove()
        if deleteIntfs:
            self.deleteIntfs(checkName=False)

    def dpctl(self, *args: str) -> str:
        """Run ovs-ofctl on this bridge, in the OpenFlow version that it speaks."""
        output: str = self.cmd("ovs-ofctl", "-O", "OpenFlow13", args[0], self, *args[1:])
        return output


def _already_there(*_args: Any) -> None:
    """In place of Mininet's move of an interface into its namespace."""


def _words(args: tuple[Any, ...], *, shell: bool) -> list[str]:
    if not args:
        raise ValueError("popen() needs a command")
    if len(args) > 1:
        return [str(word) for word in args]
    if isinstance(args[0], str):
        return [args[0]] if shell else args[0].split()
    return [str(word) for word in args[0]]
