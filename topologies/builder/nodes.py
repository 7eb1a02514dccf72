"""Mininet's own nodes, interfaces and links over a network that already exists.

Mininet makes each thing by running shell commands as its object is constructed.
Here the objects are only names for what was made in one batch, and a node's
shell starts when it is first used.
"""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from mininet.link import Intf, Link
from mininet.node import Host, Node, OVSSwitch

from topologies.builder.errors import BuildError
from topologies.builder.namespaces import Namespace
from topologies.builder.parameters import refuse_unknown
from topologies.builder.processes import MARK
from topologies.builder.requests import LOOPBACK_INDEX
from topologies.plan import CONTROLLER_PORT

_CONFIGURABLE = frozenset({"mac", "ip", "ifconfig", "up"})
_SHELL_STATE = frozenset({"shell", "pid", "stdin", "stdout", "pollOut", "master", "slave"})


class Interface(Intf):
    """A device that was made and configured together with all others."""

    link: Link | None

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

    def config(self, **params: Any) -> dict[str, Any]:
        """Change what Mininet's `Intf.config` can: mac, ip, ifconfig and up.

        Raises BuildError for anything else: rate, delay and loss are the plan's.
        """
        if not params:
            return {}
        refuse_unknown(f"{self.name}: config()", params, _CONFIGURABLE)
        done: dict[str, Any] = super().config(**{"up": None, **params})
        return done

    def delete(self) -> None:
        """Delete the device, and with it the other end. Raises BuildError if it stays."""
        if isinstance(self.node, BuiltSwitch):
            self.node.detach(self)
        self.node.pexec("ip", "link", "delete", self.name)  # the other end may have taken it along
        if not self.node.pexec("ip", "link", "show", "dev", self.name)[2]:
            raise BuildError(f"{self.name} of {self.node.name} cannot be deleted")
        self.node.delIntf(self)
        self.link = None


class BuiltLink(Link):
    """A virtual Ethernet pair between two nodes; span_id: the plan's span, if it is one."""

    def __init__(self, intf1: Interface, intf2: Interface, span_id: str | None = None) -> None:
        # Mininet's own constructor makes the pair; ours is there already.
        self.intf1, self.intf2, self.span_id = intf1, intf2, span_id
        intf1.link = intf2.link = self


class LazyNode(Node):
    """A node whose shell starts when it is first used.

    `popen` starts its process straight in the node's network namespace (None: in
    the namespace of this program), without a shell. All that it starts bears the mark of
    the network's owner, and ends with the network.
    """

    isSetup = True  # noqa: N815

    def __init__(
        self,
        name: str,
        namespace: Namespace | None,
        owner: str,
        pretend: bool = False,
        **params: Any,
    ) -> None:
        self.namespace = namespace
        self._owner = owner
        self._constructed = self._starting_shell = False
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
        self._starting_shell = True
        try:
            super().startShell(mnopts)
        finally:
            self._starting_shell = False
            self.inNamespace = self.namespace is not None

    def _popen(self, cmd: list[str], **params: Any) -> subprocess.Popen[Any]:
        environment = {**(params.pop("env", None) or os.environ), MARK: self._owner}
        if self._starting_shell:
            # A terminal, to which newer versions of ip and tc write colours; programs read it.
            environment["NO_COLOR"] = "1"
        with self.entered():
            return subprocess.Popen(cmd, env=environment, **params)

    def popen(self, *args: Any, **kwargs: Any) -> subprocess.Popen[Any]:
        """As Mininet's: a process of this node, from a list, a string or words."""
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **kwargs}
        prefix = list(options.pop("mncmd", []))
        command = _words(args, shell=options.get("shell", False))
        if options.pop("shell", False):
            command = [os.environ.get("SHELL", "/bin/sh"), "-c", " ".join(command)]
        options.setdefault("start_new_session", True)
        return self._popen([*prefix, *command], **options)

    def read(self, size: int = 1024) -> str:
        """What the shell said; what was read before comes without waiting for more.

        Mininet's own waits, so that a line too many hangs its `monitor` and `waitOutput`.
        """
        if self.readbuf and not self._has_said_more(0):
            size = min(size, len(self.readbuf))
        return str(super().read(size))

    def readline(self) -> str | None:
        """The next line without its end, or None if there is no whole one yet."""
        self.readbuf: str = self.read()
        line, newline, rest = self.readbuf.partition("\n")
        if not newline:
            return None
        self.readbuf = rest
        return line

    def waitReadable(self, timeoutms: float | None = None) -> Any:  # noqa: N802
        """Wait until `read` has something to give; true if it has."""
        return bool(self.readbuf) or self._has_said_more(timeoutms)

    def _has_said_more(self, timeoutms: float | None) -> bool:
        # Mininet's poll object is also content with room to write, which there always is.
        waiting = select.poll()
        waiting.register(self.stdout, select.POLLIN)
        return bool(waiting.poll(timeoutms))

    def deleteIntfs(self, checkName: bool = True) -> None:  # noqa: N802, N803
        """Delete the node's devices, and so their links."""
        for interface in self.intfList():
            if interface.name != "lo":
                interface.delete()

    def terminate(self) -> None:
        """End the shell, if there is one."""
        if self.shell_started:
            super().terminate()
            self.__dict__["shell"] = None

    def entered(self) -> AbstractContextManager[None]:
        """The calling thread is in the node's namespace."""
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
        self,
        name: str,
        dpid: int,
        owner: str,
        create: Callable[[], None],
        remove: Callable[[], None],
    ) -> None:
        self._create, self._remove = create, remove
        # As if in a namespace, for else Mininet's constructor configures `lo` in a shell.
        super().__init__(name, None, owner, pretend=True, dpid=f"{dpid:x}", protocols="OpenFlow13")
        self.inNamespace = False
        self.controlIntf = Interface("lo", self, port=0, index=LOOPBACK_INDEX)
        self.controlIntf.ip, self.controlIntf.prefixLen = "127.0.0.1", "8"

    def start(self, _controllers: Any) -> None:
        """Make the bridge again after `stop`, with the ports that were attached since."""
        self._create()
        for interface in self.intfList():
            if not isinstance(interface, Interface):
                self.attach(interface)

    def stop(self, deleteIntfs: bool = True) -> None:  # noqa: N803
        """Remove the bridge; its interfaces stay unless asked otherwise."""
        self._remove()
        if deleteIntfs:
            self.deleteIntfs()

    def attach(self, intf: Intf | str) -> None:
        """Make a port of a device that was added later, with its number in Mininet.

        Raises BuildError when Open vSwitch refuses.
        """
        device = self.intf(intf)
        self._configure(
            "add-port", self.name, device.name,
            "--", "set", "Interface", device.name, f"ofport_request={self.ports[device]}",
        )  # fmt: skip
        device.ifconfig("up")
        self.TCReapply(device)  # Open vSwitch takes the queueing of a new port away

    def detach(self, intf: Intf | str) -> None:
        """Take a port away again. Raises BuildError when Open vSwitch refuses."""
        self._configure("--if-exists", "del-port", self.name, str(intf))

    def _configure(self, *words: str) -> None:
        _, said, status = self.pexec("ovs-vsctl", *words)
        if status:
            raise BuildError(said.strip())

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
