"""What an inference client and server say to each other. No input or output here.

A connection carries one request at a time, as HTTP/1.1 with server-sent events does:
a request and its prompt, then the answer's tokens, each a message of its own.
"""

from __future__ import annotations

import struct

REQUEST = struct.Struct("<IQIII")
"""Magic, request id, prompt tokens, answer tokens, prompt bytes (which follow)."""

TOKEN = struct.Struct("<IQII")
"""Magic, request id, index of the token in its answer, size of the whole message."""

REQUEST_MAGIC = 0x46435251  # "FCRQ"
TOKEN_MAGIC = 0x4643544B  # "FCTK"
MAX_TOKENS = 1_000_000
MAX_PROMPT_BYTES = 1 << 30
MAX_TOKEN_BYTES = 65_536


class Rubbish(Exception):
    """The peer sent something that is not this protocol."""


def pack_request(request_id: int, prompt_tokens: int, answer_tokens: int, size: int) -> bytes:
    """A request with a prompt of `size` bytes."""
    head = REQUEST.pack(REQUEST_MAGIC, request_id, prompt_tokens, answer_tokens, size)
    return head + bytes(size)


def unpack_request(raw: bytes | bytearray) -> tuple[int, int, int, int]:
    """(id, prompt tokens, answer tokens, prompt bytes). Raises Rubbish."""
    magic, request_id, prompt_tokens, answer_tokens, size = REQUEST.unpack_from(raw)
    limits = prompt_tokens <= MAX_TOKENS and 1 <= answer_tokens <= MAX_TOKENS
    if magic != REQUEST_MAGIC or not limits or size > MAX_PROMPT_BYTES:
        raise Rubbish("not a request")
    return request_id, prompt_tokens, answer_tokens, size


def pack_token(request_id: int, index: int, size: int) -> bytes:
    """One token's message of `size` bytes."""
    return TOKEN.pack(TOKEN_MAGIC, request_id, index, size).ljust(size, b"\0")


class TokenReader:
    """Finds the token messages of one answer in a stream of bytes."""

    def __init__(self, request_id: int) -> None:
        self.request_id = request_id
        self.tokens = 0
        self._pending = b""

    def feed(self, data: bytes) -> int:
        """Take received bytes; how many tokens they completed. Raises Rubbish."""
        data = self._pending + data
        at, before = 0, self.tokens
        while len(data) - at >= TOKEN.size:
            magic, request_id, index, size = TOKEN.unpack_from(data, at)
            right = (TOKEN_MAGIC, self.request_id, self.tokens)
            if (magic, request_id, index) != right or not TOKEN.size <= size <= MAX_TOKEN_BYTES:
                raise Rubbish("not the next token of the answer")
            if len(data) - at < size:
                break
            at += size
            self.tokens += 1
        self._pending = data[at:]
        return self.tokens - before

    @property
    def clean(self) -> bool:
        """Whether nothing is left over after the last whole token."""
        return not self._pending
