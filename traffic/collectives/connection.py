"""One connection to a peer: messages out, in order, and messages in.

A message is a header (which collective, channel, flags, size) and its numbers. What comes is
read only when the rank has room for it; until then it waits in the kernel.
"""

from __future__ import annotations

import socket
import struct
from collections import deque

from traffic.collectives.unfinished import Unfinished
from traffic.event_loop import READ, WRITE, EventLoop

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing would cost each program 5 ms
    from traffic.collectives.engine import Engine

HEADER = struct.Struct("<IHHQ")  # sequence number of the collective, channel, flags, bytes
_HEADER_AND_BODY = 2
# Fewer wake-ups: a receiver takes this much at once, not each packet.
_MOST_AT_ONCE = 1 << 15


class Connection:
    """Calls its engine when a message, or a part of it, is out or in."""

    def __init__(self, engine: Engine, loop: EventLoop, peer: int, number: int,
                 sock: socket.socket) -> None:  # fmt: skip
        self.engine, self.loop, self.sock = engine, loop, sock
        self.peer, self.number = peer, number
        self._out: deque[tuple[list[memoryview], int]] = deque()
        self._header = memoryview(bytearray(HEADER.size))
        self._missing = self._header  # what is left of the header
        self._body: memoryview | None = None
        self._task = -1
        self._scratch = memoryview(bytearray())
        self._watched = 0
        self._wakes_at = 1
        self.reading = False
        self._over = self._gone = False

    def post(self, header: bytes, body: memoryview, task: int) -> None:
        """Send a message after those that are on their way."""
        self._out.append(([memoryview(header), body], task))
        if len(self._out) == 1:
            self.flush()

    def read_on(self) -> None:
        """Take what has come, or comes, from now on. Raises Unfinished if nothing can come."""
        if self._over:
            self._ended()
            return
        self.reading = True
        if len(self._missing) or self._begin():
            self._watch()

    def rest(self) -> None:
        """Leave what comes to the kernel."""
        self.reading = False
        self._watch()

    def scratch(self, size: int) -> memoryview:
        """Room for what is added to something else when it is whole."""
        if len(self._scratch) < size:
            self._scratch = memoryview(bytearray(size))
        return self._scratch[:size]

    def close(self) -> None:
        """Close it; what was sent still arrives."""
        self.loop.forget(self.sock)
        self.sock.close()

    def on_event(self, events: int) -> None:
        """What the event loop calls. Raises Unfinished."""
        try:
            if events & WRITE:
                self.flush()
            if events & READ or self.reading:
                self._receive()
            elif events & ~WRITE:
                self._hung_up()
        except OSError as error:
            raise self.broken(error) from None

    def _hung_up(self) -> None:
        """The connection is gone while nothing was due: it is told of when something is."""
        self._over = True
        self._gone = True
        self.loop.forget(self.sock)

    def broken(self, error: OSError) -> Unfinished:
        """Why the connection is of no more use."""
        return Unfinished(f"the connection to rank {self.peer} broke: {error.strerror}")

    def flush(self) -> None:
        """Send as much as the kernel takes. Raises OSError or Unfinished."""
        while self._out:
            pieces, task = self._out[0]
            try:
                sent = self.sock.sendmsg(pieces)
            except BlockingIOError:
                break
            except OSError as error:
                raise self.broken(error) from None
            if len(pieces) == _HEADER_AND_BODY:
                gone = min(sent, len(pieces[0]))
                pieces[0], sent = pieces[0][gone:], sent - gone
                if not pieces[0]:
                    del pieces[0]
            if len(pieces) == 1:
                pieces[0] = pieces[0][sent:]
                self.engine.moved(sent=sent)
                if not pieces[0]:
                    self._out.popleft()
                    self.engine.part_done(task)
                    continue
            break
        self._watch()

    def _watch(self) -> None:
        wanted = (READ if self.reading else 0) | (WRITE if self._out else 0)
        if wanted != self._watched and not self._gone:
            self._watched = wanted
            self.loop.watch(self.sock, wanted, self.on_event)

    def _receive(self) -> None:
        while self.reading:
            target = self._missing if self._body is None else self._body
            try:
                count = self.sock.recv_into(target)
            except BlockingIOError:
                return
            if not count:
                self._ended()
                return
            if self._body is None:
                self._missing = self._missing[count:]
                if not self._missing and not self._begin():
                    return
            else:
                self._body = self._body[count:]
                if self._body:
                    self._wake_at(len(self._body))
                self.engine.moved(received=count)
                if not self._body:
                    self._end()
            if count < len(target):
                return  # the kernel has no more now

    def _ended(self) -> None:
        """The peer will send nothing more: fine if all that was due from it has come."""
        if self._body is not None or self.engine.expects(self):
            raise Unfinished(f"rank {self.peer} closed its connection")
        self._over = True
        self.rest()

    def _wake_at(self, size: int) -> None:
        """Be woken when so much is there (the kernel takes less where its buffer is small)."""
        size = min(size, _MOST_AT_ONCE)
        if size != self._wakes_at:
            self._wakes_at = size
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)

    def _begin(self) -> bool:
        """A header is whole: ask where its message belongs; False if that is not known yet."""
        if self._body is not None:
            return True
        sequence, channel, flags, size = HEADER.unpack(self._header)
        found = self.engine.place_for(self, sequence, channel, size)
        if found is None:
            self.rest()
            return False
        self._body, self._task = found
        self._wake_at(len(self._body))
        self.engine.flags |= flags
        return True

    def _end(self) -> None:
        self._body, self._missing = None, self._header
        self._wake_at(1)
        self.engine.part_arrived(self, self._task)
