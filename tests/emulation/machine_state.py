"""What is on a machine, to be compared before and after; and things on it that are others'."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from guest.share import GUEST_OUT
from tests.emulation.built_networks import lines
from topologies.builder.namespaces import Namespace, fresh_namespace
from topologies.builder.ovsdb import Database

_TABLES = ("Bridge", "Port", "Interface", "Controller", "QoS", "Queue", "Manager", "Mirror")
_OF_DEVICES = ("ifname", "ifindex", "flags", "mtu", "group", "master", "operstate", "address")
_FOLDERS = ("/run", "/dev/shm", "/etc/openvswitch")


def machine_state() -> dict[str, Any]:
    """Every device, address, queue, namespace, datapath port, row, process and file."""
    devices = json.loads("".join(lines("ip", "-json", "-details", "address")))
    with Database() as database:
        rows = {table: _rows(database, table) for table in _TABLES}
    return {
        "devices": [[device.get(name) for name in _OF_DEVICES] for device in devices],
        "addresses": [entry["local"] for device in devices for entry in device["addr_info"]],
        "queues": lines("tc", "qdisc", "show"),
        "namespaces": [*lines("ip", "netns", "list-id"), *_namespaces()],
        "datapath": [line for line in lines("ovs-dpctl", "show") if "port " in line],
        "rows": rows,
        "processes": processes(),
        "files": sorted(_files()),
    }


def processes() -> dict[int, str]:
    """The command lines of all living processes but the kernel's and this one."""
    found = {}
    for folder in Path("/proc").iterdir():
        with suppress(OSError):  # it ended meanwhile
            command = (folder / "cmdline").read_bytes() if folder.name.isdigit() else b""
            if command and int(folder.name) != os.getpid():
                found[int(folder.name)] = command.replace(b"\0", b" ").decode().strip()
    return found


def _rows(database: Database, table: str) -> list[str]:
    name = "target" if table in ("Controller", "Manager") else "name"
    columns = ["_uuid", "external_ids"] + ([] if table in ("QoS", "Queue") else [name])
    return sorted(json.dumps(row) for row in database.select(table, columns))


def _namespaces() -> list[int]:
    found = set()
    for pid in processes():
        with suppress(OSError):
            found.add(Path(f"/proc/{pid}/ns/net").stat().st_ino)
    return sorted(found)


def _files() -> Iterator[str]:
    for folder in _FOLDERS:
        for place, inside, names in os.walk(folder):
            if place == GUEST_OUT:  # where this test's own results go
                inside.clear()
                continue
            yield place
            yield from (f"{place}/{name}" for name in names)
    # The host's own files are there as well, and others change them; the guest has a time of its
    # own, in which it was booted.
    now_s = time.time()
    booted_s = now_s - time.clock_gettime(time.CLOCK_BOOTTIME)
    for entry in os.scandir("/tmp"):
        with suppress(OSError):
            if booted_s <= entry.stat(follow_symlinks=False).st_mtime <= now_s:
                yield entry.path


@contextmanager
def others_things() -> Iterator[subprocess.Popen[str]]:
    """A bridge with two hosts of its own, one shaped by HTB, and a ping between them (yielded).

    And an iperf that is none of ours, in a namespace with a name.
    """
    with ExitStack() as undo:
        _run("ovs-vsctl add-br their-bridge")
        undo.callback(_run, "ovs-vsctl del-br their-bridge")
        _run("ip netns add theirs")
        undo.callback(_run, "ip netns delete theirs")
        hosts = [_their_host(number, undo) for number in (1, 2)]
        _run("tc qdisc add dev their-2 root handle 7: htb default 1")
        _run("tc class add dev their-2 parent 7: classid 7:1 htb rate 50mbit")
        iperf = "ip netns exec theirs iperf -s -p 5001"
        undo.callback(_end, subprocess.Popen(iperf.split(), stdout=subprocess.DEVNULL))
        with hosts[0].entered():
            ping = subprocess.Popen(
                ["ping", "-i", "0.2", "192.0.2.2"], stdout=subprocess.PIPE, text=True
            )
        undo.callback(_end, ping)
        assert ping.stdout
        while "bytes from" not in ping.stdout.readline():
            pass
        yield ping


def _their_host(number: int, undo: ExitStack) -> Namespace:
    with fresh_namespace() as namespace:
        undo.callback(namespace.close)
    _run(f"ip link add their-{number} type veth peer name inside-{number}")
    undo.callback(_run, f"ip link delete their-{number}")
    _run(f"ip link set their-{number} up")
    _run(f"ovs-vsctl add-port their-bridge their-{number}")
    _run(f"ip link set inside-{number} netns /proc/self/fd/{namespace.descriptor}", namespace)
    with namespace.entered():
        _run(f"ip address add 192.0.2.{number}/24 dev inside-{number}")
        _run(f"ip link set inside-{number} up")
    return namespace


def _run(command: str, namespace: Namespace | None = None) -> None:
    files = [namespace.descriptor] if namespace else []
    subprocess.run(command.split(), check=True, pass_fds=files)


def _end(process: subprocess.Popen[Any]) -> None:
    process.kill()
    process.wait()


def differences(before: dict[str, Any], now: dict[str, Any]) -> dict[str, dict[str, list[Any]]]:
    """What is there now and was not before, and the other way round, by kind of thing."""
    return {
        kind: {
            "new": [thing for thing in now[kind] if thing not in before[kind]],
            "gone": [thing for thing in before[kind] if thing not in now[kind]],
        }
        for kind in before
        if now[kind] != before[kind]
    }
