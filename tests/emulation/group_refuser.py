"""Between a switch and its controller: every change of a group is refused."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

from topologies.builder.nodes import BuiltHost
from topologies.plan import CONTROLLER_PORT

PORT = 6654
_HEADER = struct.Struct("!BBHI")  # version, type, length, transaction (OpenFlow 1.3.5, 7.1)
_VERSION, _ERROR, _GROUP_MOD = 4, 1, 15
_GROUP_MOD_FAILED, _OUT_OF_GROUPS = 6, 3
_QUOTED_BYTES = 64


class GroupRefuser:
    """Passes one switch's OpenFlow on, beside the controller, at PORT; ends with its connection."""

    def __init__(self, controller: BuiltHost) -> None:
        assert controller.namespace is not None
        self._namespace = controller.namespace
        with self._namespace.entered():
            self._listener = socket.create_server(("", PORT))
        self._to_controller = threading.Lock()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        switch, _ = self._listener.accept()
        self._listener.close()
        with self._namespace.entered():
            controller = socket.create_connection(("127.0.0.1", CONTROLLER_PORT))
        with switch, controller:
            answers = threading.Thread(target=self._answers, args=(switch, controller))
            answers.start()
            for kind, number, message in _messages(controller):
                if kind == _GROUP_MOD:
                    self._refuse(controller, number, message)
                else:
                    switch.sendall(message)
            switch.shutdown(socket.SHUT_RDWR)
            answers.join()

    def _answers(self, switch: socket.socket, controller: socket.socket) -> None:
        for _, _, message in _messages(switch):
            with self._to_controller:
                controller.sendall(message)
        controller.shutdown(socket.SHUT_RDWR)

    def _refuse(self, controller: socket.socket, number: int, message: bytes) -> None:
        body = struct.pack("!HH", _GROUP_MOD_FAILED, _OUT_OF_GROUPS) + message[:_QUOTED_BYTES]
        head = _HEADER.pack(_VERSION, _ERROR, _HEADER.size + len(body), number)
        with self._to_controller:
            controller.sendall(head + body)


def _messages(end: socket.socket) -> Iterator[tuple[int, int, bytes]]:
    """Type, transaction and bytes of each message, until the connection ends."""
    with end.makefile("rb") as stream:
        while len(head := stream.read(_HEADER.size)) == _HEADER.size:
            _, kind, length, number = _HEADER.unpack(head)
            yield kind, number, head + stream.read(length - _HEADER.size)
