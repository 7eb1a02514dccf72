"""What a switch is told, as plain data: flows, groups, and the actions in them.

These are OpenFlow 1.3's notions and nothing else; `openflow` writes them as
messages, `dataplane` executes them without a switch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

ETH_IPV4 = 0x0800
ETH_MPLS = 0x8847

FieldValue = int | str


class Table(IntEnum):
    """The tables in the order that packets pass them."""

    CLASSES = 0
    """Which class of data a packet is of; see `classify`."""
    LABELS = 1
    """Steered packets, by their top label."""
    ADDRESSES = 2
    """Forwarding by IP destination."""


@dataclass(frozen=True, slots=True)
class Match:
    """Which packets a flow is for; None matches everything.

    ipv4_dst is a prefix such as `10.0.1.0/24`; mpls_bos tells whether it is the last label.
    ip_dscp (RFC 2474) and mpls_tc (RFC 5462, of the top label) are what classes are marked by.
    """

    eth_type: int | None = None
    eth_dst: str | None = None
    ipv4_dst: str | None = None
    mpls_label: int | None = None
    mpls_bos: int | None = None
    ip_dscp: int | None = None
    mpls_tc: int | None = None
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Matches are looked up very often.
        fields = (self.eth_type, self.eth_dst, self.ipv4_dst, self.mpls_label, self.mpls_bos)
        object.__setattr__(self, "_hash", hash((*fields, self.ip_dscp, self.mpls_tc)))

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True, slots=True)
class PushLabel:
    """Put a new label on top; its value is set by a SetField that follows."""


@dataclass(frozen=True, slots=True)
class PopLabel:
    """Take the top label off; what is below has this Ethernet type."""

    eth_type: int


@dataclass(frozen=True, slots=True)
class SetField:
    """Overwrite a header field, by its OpenFlow name."""

    name: str
    value: FieldValue


@dataclass(frozen=True, slots=True)
class CopyField:
    """Copy the lowest bits of a field or register into a field, both by their OpenFlow names."""

    source: str
    target: str
    bits: int


@dataclass(frozen=True, slots=True)
class SetQueue:
    """Leave through this queue, whatever port it will be; holds on this switch only."""

    queue: int


@dataclass(frozen=True, slots=True)
class DecrementTtl:
    """Of IP; drops the packet when it reaches zero."""


@dataclass(frozen=True, slots=True)
class DecrementLabelTtl:
    """Of the top label; drops the packet when it reaches zero."""


@dataclass(frozen=True, slots=True)
class ForgetPort:
    """Forget which port the packet came from, so that it may leave there again."""


@dataclass(frozen=True, slots=True)
class Output:
    """Send out of a port; nothing happens if the packet came from there."""

    port: int


@dataclass(frozen=True, slots=True)
class ToGroup:
    """Let a group decide."""

    group: int


Action = (
    PushLabel
    | PopLabel
    | SetField
    | CopyField
    | SetQueue
    | DecrementTtl
    | DecrementLabelTtl
    | ForgetPort
    | Output
    | ToGroup
)


@dataclass(frozen=True, slots=True)
class FlowKey:
    """What makes a flow the same flow: adding it again replaces it."""

    table: Table
    priority: int
    match: Match
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((int(self.table), self.priority, self.match)))

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True, slots=True)
class Flow:
    """Actions are applied at once, in order; then the packet goes to another table or ends.

    A group, if any, is the last one.
    """

    key: FlowKey
    actions: tuple[Action, ...] = ()
    goto: Table | None = None


class GroupKind(StrEnum):
    """Which of its buckets a group uses."""

    INDIRECT = "indirect"
    """One bucket, shared by all that point here."""
    FAST_FAILOVER = "fast-failover"
    """The first bucket whose port is live."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """An action *set*: of each kind of action only the last takes effect, in a fixed order.

    So one bucket pushes one label; further ones need a chain of groups.
    """

    actions: tuple[Action, ...]
    watch_port: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Buckets of which one is used; flows and buckets point to it by number."""

    number: int
    kind: GroupKind
    buckets: tuple[Bucket, ...]

    def hands_over_to(self) -> tuple[int, ...]:
        """The groups that its buckets lead to; they must exist before it."""
        actions = (action for bucket in self.buckets for action in bucket.actions)
        return tuple(action.group for action in actions if isinstance(action, ToGroup))


@dataclass(frozen=True)
class SwitchRules:
    """All that one switch should hold."""

    flows: Mapping[FlowKey, Flow] = field(default_factory=dict)
    groups: Mapping[int, Group] = field(default_factory=dict)


def groups_used(flows: Iterable[Flow], groups: Mapping[int, Group]) -> dict[int, Group]:
    """The groups that flows lead to, one after the other, by number."""
    used: dict[int, Group] = {}
    waiting = [
        last.group
        for flow in flows
        if flow.actions and isinstance(last := flow.actions[-1], ToGroup)
    ]
    while waiting:
        number = waiting.pop()
        if number not in used:
            used[number] = groups[number]
            waiting += used[number].hands_over_to()
    return dict(sorted(used.items()))
