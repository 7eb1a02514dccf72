"""A filter in the kernel for packets between some hosts, under any labels (classic BPF)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence

from traffic.packet_filter import Filter, Instruction

# Operations: load byte, half-word or word at a place; at a place from X on; set X; jump; return.
_LOAD_BYTE, _LOAD_HALF, _LOAD_WORD_INDEXED, _SET_X = 0x30, 0x28, 0x40, 0x01
_JUMP, _JUMP_EQUAL, _JUMP_SET, _RETURN = 0x05, 0x15, 0x45, 0x06
_PACKET_TYPE, _OUTGOING = 0xFFFFF004, 4
_ETHERTYPE, _NETWORK, _IPV4, _MPLS = 12, 14, 0x0800, 0x8847
_LABEL_BYTES, _BOTTOM_BYTE, _BOTTOM = 4, 2, 1
_SOURCE, _TARGET = _NETWORK + 12, _NETWORK + 16
MOST_LABELS = 32
_KEPT_BYTES = 1  # packets are counted, not read


def arriving() -> Filter:
    """Every packet that a device receives."""
    return Filter([*_not_outgoing(), (_RETURN, 0, 0, _KEPT_BYTES)])


def arriving_between(addresses: Sequence[str]) -> Filter:
    """Packets that a device receives, from one of some IPv4 addresses to one of them."""
    values = [struct.unpack("!I", socket.inet_aton(address))[0] for address in addresses]
    accept = [(_RETURN, 0, 0, _KEPT_BYTES)]
    target = [(_LOAD_WORD_INDEXED, 0, 0, _TARGET), *_one_of(values, accept)]
    source = [(_LOAD_WORD_INDEXED, 0, 0, _SOURCE), *_one_of(values, target)]
    return Filter([*_not_outgoing(), *_find_network_header(source)])


def _not_outgoing() -> list[Instruction]:
    return [
        (_LOAD_BYTE, 0, 0, _PACKET_TYPE),
        (_JUMP_EQUAL, 0, 1, _OUTGOING),
        (_RETURN, 0, 0, 0),
    ]


def _find_network_header(then: list[Instruction]) -> list[Instruction]:
    """Set X to the bytes of labels, and go on; a packet of another kind is not wanted."""
    # What is behind the labels: each entry sets X and jumps over the later ones.
    landing: list[Instruction] = []
    for labels in range(MOST_LABELS, 0, -1):
        rest = 0 if labels == MOST_LABELS else 2 * (MOST_LABELS - labels)
        landing = [(_SET_X, 0, 0, labels * _LABEL_BYTES), (_JUMP, 0, 0, rest), *landing]
    code: list[Instruction] = [
        (_LOAD_HALF, 0, 0, _ETHERTYPE),
        (_JUMP_EQUAL, 0, 2, _IPV4),
        (_SET_X, 0, 0, 0),
        (_JUMP, 0, 0, 2 + 3 * MOST_LABELS + 1 + len(landing)),
        (_JUMP_EQUAL, 1, 0, _MPLS),
        (_RETURN, 0, 0, 0),
    ]
    for label in range(MOST_LABELS):
        place = _NETWORK + label * _LABEL_BYTES + _BOTTOM_BYTE
        # To this label's landing: over what is left of the search, and earlier landings.
        ahead = 3 * (MOST_LABELS - label - 1) + 1 + 2 * label
        code += [
            (_LOAD_BYTE, 0, 0, place),
            (_JUMP_SET, 0, 1, _BOTTOM),
            (_JUMP, 0, 0, ahead),
        ]
    code.append((_RETURN, 0, 0, 0))
    return code + landing + then


def _one_of(values: Sequence[int], then: list[Instruction]) -> list[Instruction]:
    """Go on if the value that was loaded is one of some."""
    code: list[Instruction] = []
    for index, value in enumerate(values):
        ahead = 2 * (len(values) - index - 1) + 1
        code += [(_JUMP_EQUAL, 0, 1, value), (_JUMP, 0, 0, ahead)]
    return [*code, (_RETURN, 0, 0, 0), *then]
