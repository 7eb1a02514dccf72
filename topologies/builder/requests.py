"""The route netlink requests that a network is built from.

Numbers are from linux/if_link.h, rtnetlink.h, pkt_sched.h and veth.h.
"""

from __future__ import annotations

import errno
import socket
import struct
from dataclasses import dataclass

from topologies.builder.netlink import (
    CREATE,
    EXCL,
    REPLACE,
    Request,
    RouteSocket,
    attribute,
    text,
    u32,
)

_NEWLINK, _DELLINK, _GETLINK = 16, 17, 18
_NEWADDR, _NEWROUTE, _NEWNEIGH, _NEWQDISC = 20, 24, 28, 36
_IFINFO = struct.Struct("=BxHiII")  # family, device type, index, flags, changed flags
_UP = 0x1
_ADDRESS, _IFNAME, _MTU, _LINKINFO, _GROUP = 1, 3, 4, 18, 27
_NET_NS_FD, _GSO_MAX_SEGS = 28, 40
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_GONE = frozenset({errno.ENODEV, errno.ENOENT, errno.EINVAL})
LOOPBACK_INDEX = 1


@dataclass(frozen=True, slots=True)
class Device:
    """One end of a virtual Ethernet pair.

    index is unique in its namespace; namespace is an open file of it, or None
    for the namespace of the socket that makes the pair.
    """

    name: str
    index: int
    mac: str
    mtu: int
    group: int = 0
    namespace: int | None = None


def veth(a: Device, b: Device) -> Request:
    """Make a pair, both ends still down. Segmentation offload is off: one packet is one packet."""
    peer = attribute(_VETH_PEER, _device(b))
    info = text(_INFO_KIND, "veth") + attribute(_INFO_DATA, peer)
    return Request(
        f"make link {a.name} - {b.name}", _NEWLINK, _device(a) + attribute(_LINKINFO, info)
    )


def _device(device: Device) -> bytes:
    body = _IFINFO.pack(0, 0, device.index, 0, 0)
    body += text(_IFNAME, device.name) + attribute(_ADDRESS, mac_bytes(device.mac))
    body += u32(_MTU, device.mtu) + u32(_GSO_MAX_SEGS, 1)
    if device.group:
        body += u32(_GROUP, device.group)
    if device.namespace is not None:
        body += u32(_NET_NS_FD, device.namespace)
    return body


def set_up(name: str, index: int, up: bool = True) -> Request:
    """Bring a device up or down."""
    body = _IFINFO.pack(0, 0, index, _UP if up else 0, _UP)
    return Request(f"set {name} {'up' if up else 'down'}", _NEWLINK, body, flags=0)


def set_group(name: str, index: int, group: int) -> Request:
    """Put a device into a group."""
    body = _IFINFO.pack(0, 0, index, 0, 0) + u32(_GROUP, group)
    return Request(f"put {name} into group {group}", _NEWLINK, body, flags=0)


def is_up(route: RouteSocket, index: int) -> bool:
    """Whether a device is up, as the kernel tells."""
    _, _, _, flags, _ = _IFINFO.unpack_from(route.ask(_GETLINK, _IFINFO.pack(0, 0, index, 0, 0)))
    return bool(flags & _UP)


def delete_group(group: int) -> Request:
    """Delete all devices of a group at once; far quicker than one by one."""
    body = _IFINFO.pack(0, 0, 0, 0, 0) + u32(_GROUP, group)
    return Request(f"delete the links of group {group}", _DELLINK, body, 0, _GONE)


def address(device: str, index: int, ip: str, prefix: int) -> Request:
    """Give a device an IPv4 address, if it does not have it yet."""
    packed = socket.inet_aton(ip)
    # family, prefix length, flags, scope, index; IFA_LOCAL is 2, IFA_ADDRESS 1
    body = struct.pack("=BBBBI", socket.AF_INET, prefix, 0, 0, index)
    body += attribute(2, packed) + attribute(1, packed)
    return Request(f"address {ip}/{prefix} on {device}", _NEWADDR, body, CREATE | REPLACE)


def route(device: str, index: int, to: str, prefix: int, via: str | None = None) -> Request:
    """A route out of a device: through `via`, or to neighbours on the link."""
    unicast, table_main, proto_static = 1, 254, 4
    scope = 0 if via else 253
    body = struct.pack(
        "=BBBBBBBBI",
        socket.AF_INET, prefix, 0, 0, table_main, proto_static, scope, unicast, 0,
    )  # fmt: skip
    body += attribute(1, socket.inet_aton(to)) if prefix else b""
    body += u32(4, index)
    body += attribute(5, socket.inet_aton(via)) if via else b""
    return Request(f"route {to}/{prefix} on {device}", _NEWROUTE, body, CREATE | REPLACE)


def neighbour(device: str, index: int, ip: str, mac: str) -> Request:
    """A permanent neighbour entry: no ARP is ever sent for it."""
    permanent = 0x80
    body = struct.pack("=BxxxiHBB", socket.AF_INET, index, permanent, 0, 0)
    body += attribute(1, socket.inet_aton(ip)) + attribute(2, mac_bytes(mac))
    return Request(f"neighbour {ip} on {device}", _NEWNEIGH, body, CREATE | REPLACE)


def netem(
    device: str,
    index: int,
    *,
    delay_ns: int,
    limit_packets: int,
    rate_bytes_s: int | None = None,
    loss: float = 0.0,
    parent: int = 0xFFFFFFFF,
    handle: int = 0x10000,
) -> Request:
    """A netem queueing discipline: packets leave FIFO at the rate, then travel for the delay.

    loss: the share of packets that are dropped at once, as they come.
    """
    options = struct.pack("=IIIIII", 0, limit_packets, _share(loss), 0, 0, 0)
    options += attribute(10, struct.pack("=q", delay_ns))
    if rate_bytes_s is not None:
        saturated = min(rate_bytes_s, 0xFFFFFFFF)
        options += attribute(6, struct.pack("=IiIi", saturated, 0, 0, 0))
        if rate_bytes_s > 0xFFFFFFFF:
            options += attribute(8, struct.pack("=Q", rate_bytes_s))
    body = struct.pack("=BxxxiIII", 0, index, handle, parent, 0)
    body += text(1, "netem") + attribute(2, options)
    return Request(f"netem on {device}", _NEWQDISC, body, CREATE | EXCL)


def _share(probability: float) -> int:
    """A probability as the kernel compares it with a random number of 32 bits."""
    return min(0xFFFFFFFF, round(probability * (1 << 32)))


def mac_bytes(mac: str) -> bytes:
    """`02:00:00:00:00:01` as six bytes."""
    return bytes.fromhex(mac.replace(":", ""))
