"""Names with versions, so that an update never mixes old and new rules on a packet's way.

Per-packet consistency by two-phase updates (Reitblatt et al., «Abstractions for
Network Update», SIGCOMM 2012): packets carry the version that they are forwarded
by. There it is one version for the whole network, and every change sends all
rules again. Here every *name* (a MAC form with a destination, or a label) has a
version of its own *at each switch*: a switch's rule for a name takes the other
version only if its next hop has changed, or the version that it hands on. So an
update touches what lies upstream of a change and nothing else: where a changed
way meets an unchanged one, the last switch writes the name that is known there.

The version stands in the destination MAC address (02:00:00:00:0v:kk, v = 1 or 2,
of the form 02:00:00:00:00:kk) or in a label's highest bit. Hosts do not know of
it: the switch that takes their packets writes the first name (`is_entry`). A repair
is no part of a name: it may change in place, for a packet meets it only once.

Works on any rules, not on the routes they came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from controller.rules import (
    ETH_IPV4,
    ETH_MPLS,
    Action,
    DecrementLabelTtl,
    DecrementTtl,
    FlowKey,
    ForgetPort,
    Group,
    Match,
    SetField,
    SwitchRules,
    Table,
    ToGroup,
)
from topologies.plan import GATEWAY_MAC

VERSIONS = (0, 1)
ENTRY = FlowKey(Table.LABELS, 150, Match(eth_type=ETH_IPV4, eth_dst=GATEWAY_MAC))
"""The flow that gives hosts' packets their first name, if no other says otherwise."""
_ENTRY_OF_ONE = 160
# Many switches have rules for the same packets.
_REMEMBERED = 1 << 16
_FORM = GATEWAY_MAC[:15]
_LABEL_BIT = 1 << 19


def is_entry(key: FlowKey) -> bool:
    """Whether a flow gives hosts' packets their first name."""
    return key.table is Table.LABELS and key.match.eth_dst == GATEWAY_MAC


def named_mac(form: str, version: int) -> str:
    """A form's MAC address in one version."""
    return f"{form[:12]}{version + 1:02x}{form[14:]}"


def named_label(label: int, version: int) -> int:
    """A label in one version."""
    return label + version * _LABEL_BIT


def is_form(value: object) -> bool:
    """Whether a field's value is a form that has versions."""
    return isinstance(value, str) and value.startswith(_FORM)


@lru_cache(_REMEMBERED)
def name_of(match: Match) -> Match | None:
    """What a flow's packets are called, without a version; None if it is for all names."""
    if match.mpls_label is not None:
        return label_name(match.mpls_label)
    return match if is_form(match.eth_dst) else None


@lru_cache(_REMEMBERED)
def label_name(label: int) -> Match:
    """The name of the packets under a label."""
    return Match(eth_type=ETH_MPLS, mpls_label=label)


def with_version(match: Match, version: int) -> Match:
    """A flow's match, for packets that have one version of its name."""
    if match.mpls_label is not None:
        return replace(match, mpls_label=named_label(match.mpls_label, version))
    assert match.eth_dst is not None
    return replace(match, eth_dst=named_mac(match.eth_dst, version))


@lru_cache(_REMEMBERED)
def stamp(name: Match, version: int) -> SetField:
    """The action that gives a packet one version of a name."""
    if name.mpls_label is not None:
        return SetField("mpls_label", named_label(name.mpls_label, version))
    assert name.eth_dst is not None
    return SetField("eth_dst", named_mac(name.eth_dst, version))


def first_way(actions: tuple[Action, ...], groups: Mapping[int, Group]) -> Iterator[Action]:
    """What becomes of packets while nothing has failed; without what the names do not hang on."""
    for action in actions:
        if isinstance(action, ToGroup):
            buckets = groups[action.group].buckets if action.group in groups else ()
            yield from first_way(buckets[0].actions if buckets else (), groups)
        elif not isinstance(action, ForgetPort | DecrementTtl | DecrementLabelTtl):
            yield action


def entry_key(name: Match) -> FlowKey:
    """The flow that gives hosts' packets for one destination their first name."""
    return FlowKey(Table.LABELS, _ENTRY_OF_ONE, name)


@lru_cache(_REMEMBERED)
def named_key(key: FlowKey, version: int) -> FlowKey:
    """A flow's key, for packets that have one version of its name."""
    return replace(key, match=with_version(key.match, version))


def entry_version(held: SwitchRules, name: Match) -> int:
    """The version that hosts' packets get for a destination, by the rules that a switch holds."""
    flow = held.flows.get(entry_key(name))
    return int(flow is not None and flow.actions == (stamp(name, 1),))
