"""A packet as the rules see it, and what single actions do to it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from controller.rules import (
    ETH_IPV4,
    ETH_MPLS,
    Action,
    CopyField,
    DecrementLabelTtl,
    DecrementTtl,
    ForgetPort,
    PopLabel,
    PushLabel,
    SetField,
    SetQueue,
)

_LABEL_CLASS_BITS = 3


@dataclass(frozen=True, slots=True)
class Packet:
    """An IP packet, perhaps under labels; the outermost label is the first.

    queue, register: what a switch notes of it while it has it.
    """

    eth_dst: str
    ipv4_dst: str
    ttl: int
    in_port: int
    labels: tuple[int, ...] = ()
    label_ttls: tuple[int, ...] = ()
    label_classes: tuple[int, ...] = ()
    dscp: int = 0
    queue: int | None = None
    register: int = 0

    @property
    def eth_type(self) -> int:
        """The Ethernet type that goes with the labels."""
        return ETH_MPLS if self.labels else ETH_IPV4


def apply_simple(action: Action, packet: Packet) -> Packet | None:
    """The packet after any action but output; None if the action ends it."""
    match action:
        case PushLabel() | PopLabel() | DecrementLabelTtl():
            return _with_labels(action, packet)
        case DecrementTtl():
            return None if packet.labels or packet.ttl <= 1 else replace(packet, ttl=packet.ttl - 1)
        case ForgetPort():
            return replace(packet, in_port=0)
        case SetQueue(queue):
            return replace(packet, queue=queue)
        case CopyField("reg0", name, bits):
            return _with_field(packet, name, packet.register % (1 << bits))
        case SetField(name, value):
            return _with_field(packet, name, value)
        case _:
            raise TypeError(f"not an action on a packet alone: {action}")


def _with_labels(action: PushLabel | PopLabel | DecrementLabelTtl, packet: Packet) -> Packet | None:
    if isinstance(action, PushLabel):
        # A new label starts with the time to live and the class of what it covers; of a DSCP
        # Open vSwitch takes the wrong three of its six bits.
        ttl, of_class = (
            (packet.label_ttls[0], packet.label_classes[0])
            if packet.labels
            else (packet.ttl, packet.dscp % (1 << _LABEL_CLASS_BITS))
        )
        return replace(
            packet,
            labels=(0, *packet.labels),
            label_ttls=(ttl, *packet.label_ttls),
            label_classes=(of_class, *packet.label_classes),
        )
    if not packet.labels:
        return None
    ttl, *below = packet.label_ttls
    if isinstance(action, DecrementLabelTtl):
        return None if ttl <= 1 else replace(packet, label_ttls=(ttl - 1, *below))
    shorter = replace(
        packet,
        labels=packet.labels[1:],
        label_ttls=tuple(below),
        label_classes=packet.label_classes[1:],
    )
    # Told the wrong type, the next switch cannot read the packet.
    return shorter if shorter.eth_type == action.eth_type else None


def _with_field(packet: Packet, name: str, value: int | str) -> Packet | None:
    match name:
        case "mpls_label":
            relabelled = replace(packet, labels=(int(value), *packet.labels[1:]))
            return relabelled if packet.labels else None
        case "mpls_tc":
            marked = replace(packet, label_classes=(int(value), *packet.label_classes[1:]))
            return marked if packet.labels else None
        case "reg0":
            return replace(packet, register=int(value))
        case "eth_dst":
            return replace(packet, eth_dst=str(value))
        case "eth_src":
            return packet
        case _:
            raise ValueError(f"the model does not know the field {name!r}")
