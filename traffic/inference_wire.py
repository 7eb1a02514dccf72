"""What an inference client and server say to each other. No input or output here.

A connection carries one request at a time, as HTTP/1.1 with server-sent events does:
a request and its prompt, then the answer's tokens, each a message of its own, or a refusal.
A store of model weights is asked for a range of bytes and sends them bare.
"""

from __future__ import annotations

import struct

REQUEST = struct.Struct("<IQIII")
"""Magic, request id, prompt tokens, answer tokens, prompt bytes (which follow)."""

TOKEN = struct.Struct("<IQII")
"""Magic, request id, index of the token in its answer, size of the whole message. A refusal has a
magic of its own, and its reason (UTF-8) behind this head."""

FETCH = struct.Struct("<IQQ")
"""Magic, first byte, number of bytes."""

REQUEST_MAGIC = 0x46435251  # "FCRQ"
TOKEN_MAGIC = 0x4643544B  # "FCTK"
REFUSAL_MAGIC = 0x46435246  # "FCRF"
FETCH_MAGIC = 0x46434754  # "FCGT"
MAX_TOKENS = 1_000_000
MAX_CONTEXT_TOKENS = 1 << 30  # an agent's prompt holds all its turns
MAX_PROMPT_BYTES = 1 << 30
MAX_TOKEN_BYTES = 1 << 24
MAX_REASON_BYTES = 200


class Rubbish(Exception):
    """The peer sent something that is not this protocol."""


class Refused(Exception):
    """The server does not take the request; the message says why."""


def pack_request(request_id: int, prompt_tokens: int, answer_tokens: int, size: int) -> bytes:
    """A request with a prompt of `size` bytes."""
    head = REQUEST.pack(REQUEST_MAGIC, request_id, prompt_tokens, answer_tokens, size)
    return head + bytes(size)


def unpack_request(raw: bytes | bytearray) -> tuple[int, int, int, int]:
    """(id, prompt tokens, answer tokens, prompt bytes). Raises Rubbish."""
    magic, request_id, prompt_tokens, answer_tokens, size = REQUEST.unpack_from(raw)
    limits = 1 <= prompt_tokens <= MAX_CONTEXT_TOKENS and 1 <= answer_tokens <= MAX_TOKENS
    if magic != REQUEST_MAGIC or not limits or size > MAX_PROMPT_BYTES:
        raise Rubbish("not a request")
    return request_id, prompt_tokens, answer_tokens, size


def pack_token(request_id: int, index: int, size: int) -> bytes:
    """One token's message of `size` bytes."""
    return TOKEN.pack(TOKEN_MAGIC, request_id, index, size).ljust(size, b"\0")


def pack_refusal(request_id: int, reason: str) -> bytes:
    """Why a request is not taken."""
    text = reason.encode()[:MAX_REASON_BYTES]
    return TOKEN.pack(REFUSAL_MAGIC, request_id, 0, TOKEN.size + len(text)) + text


def unpack_fetch(raw: bytes | bytearray) -> tuple[int, int]:
    """(first byte, number of bytes) that a store is asked for. Raises Rubbish."""
    magic, first, length = FETCH.unpack_from(raw)
    if magic != FETCH_MAGIC or not length:
        raise Rubbish("not a request for weights")
    return first, length


class TokenReader:
    """Finds the token messages of one answer in a stream of bytes."""

    def __init__(self, request_id: int) -> None:
        self.request_id = request_id
        self.tokens = 0
        self._pending = bytearray()

    def feed(self, data: bytes) -> int:
        """Take received bytes; how many tokens they completed. Raises Rubbish and Refused."""
        self._pending += data
        at, before = 0, self.tokens
        while len(self._pending) - at >= TOKEN.size:
            magic, request_id, index, size = TOKEN.unpack_from(self._pending, at)
            refusal = magic == REFUSAL_MAGIC
            right = (magic if refusal else TOKEN_MAGIC, self.request_id, self.tokens)
            longest = TOKEN.size + MAX_REASON_BYTES if refusal else MAX_TOKEN_BYTES
            if (magic, request_id, index) != right or not TOKEN.size <= size <= longest:
                raise Rubbish("not the next token of the answer")
            if len(self._pending) - at < size:
                break
            if refusal:
                reason = bytes(self._pending[at + TOKEN.size : at + size])
                raise Refused(reason.decode(errors="replace"))
            at += size
            self.tokens += 1
        del self._pending[:at]
        return self.tokens - before

    @property
    def clean(self) -> bool:
        """Whether nothing is left over after the last whole token."""
        return not self._pending
