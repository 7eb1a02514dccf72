"""A packet filter that the kernel runs: classic BPF (Linux, Documentation/networking/filter)."""

from __future__ import annotations

import ctypes
import struct

_ETHERTYPE_IPV4 = 0x0800
_TCP, _UDP = 6, 17
_FRAGMENT_OFFSET = 0x1FFF
_WHOLE_PACKET = 0xFFFFFFFF

# Operations: load half-word or byte at a place, load the IP header's length, jump, return.
_LOAD_HALF, _LOAD_BYTE, _LOAD_HALF_INDEXED = 0x28, 0x30, 0x48
_LOAD_HEADER_LENGTH = 0xB1
_JUMP_EQUAL, _JUMP_SET, _RETURN = 0x15, 0x45, 0x06

Instruction = tuple[int, int, int, int]
"""Operation, jump if true, jump if false, operand."""
_INSTRUCTION = struct.Struct("=HBBI")
_PROGRAM = struct.Struct("@HP")


class Filter:
    """A program; `option` is what SO_ATTACH_FILTER takes, valid as long as this lives."""

    def __init__(self, instructions: list[Instruction]) -> None:
        code = b"".join(_INSTRUCTION.pack(*instruction) for instruction in instructions)
        self._length = len(instructions)
        self._code = ctypes.create_string_buffer(code, len(code))

    def option(self) -> bytes:
        """The kernel's `struct sock_fprog`."""
        return _PROGRAM.pack(self._length, ctypes.addressof(self._code))


def port_filter(port: int) -> Filter:
    """Lets whole UDP and TCP packets over IPv4 through that come from or go to a port."""
    return Filter(
        [
            (_LOAD_HALF, 0, 0, 12),
            (_JUMP_EQUAL, 0, 10, _ETHERTYPE_IPV4),
            (_LOAD_BYTE, 0, 0, 23),
            (_JUMP_EQUAL, 1, 0, _UDP),
            (_JUMP_EQUAL, 0, 7, _TCP),
            (_LOAD_HALF, 0, 0, 20),
            (_JUMP_SET, 5, 0, _FRAGMENT_OFFSET),
            (_LOAD_HEADER_LENGTH, 0, 0, 14),
            (_LOAD_HALF_INDEXED, 0, 0, 14),
            (_JUMP_EQUAL, 3, 0, port),
            (_LOAD_HALF_INDEXED, 0, 0, 16),
            (_JUMP_EQUAL, 1, 0, port),
            (_RETURN, 0, 0, 0),
            (_RETURN, 0, 0, _WHOLE_PACKET),
        ]
    )
