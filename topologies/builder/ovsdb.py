"""Open vSwitch's database (RFC 7047): one transaction for all bridges.

`ovs-vsctl` reads the whole database again after each `add-br`, which makes a
thousand of them quadratic; the same rows written directly are one message.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from topologies.builder.errors import BuildError

Operation = dict[str, Any]
_DATABASE = "Open_vSwitch"
_RECEIVE_BYTES = 1 << 20
_ANSWER_S = 120.0


def run_folder() -> Path:
    """Where Open vSwitch's sockets are; OVS_RUNDIR overrides, as for its own tools."""
    return Path(os.environ.get("OVS_RUNDIR", "/var/run/openvswitch"))


def ovs_map(values: Mapping[str, str]) -> list[Any]:
    """A map as the database writes it."""
    return ["map", [[key, value] for key, value in values.items()]]


def ovs_set(values: Iterable[Any]) -> list[Any]:
    """A set as the database writes it."""
    return ["set", list(values)]


class Database:
    """A connection to the database. Raises BuildError when it cannot be reached."""

    def __init__(self, path: Path | None = None) -> None:
        where = path or run_folder() / "db.sock"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._socket.settimeout(_ANSWER_S)
        self._received = b""
        self._number = 0
        try:
            self._socket.connect(str(where))
        except OSError as error:
            self._socket.close()
            raise BuildError(
                f"Open vSwitch's database {where}: {error.strerror}; is Open vSwitch running?"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def transact(self, operations: Sequence[Operation]) -> list[dict[str, Any]]:
        """Do all operations or none. Raises BuildError with the database's reason."""
        answer = self._call("transact", [_DATABASE, *operations])
        for index, result in enumerate(answer):
            if result and "error" in result:
                commit: Operation = {"op": "commit"}
                done = operations[index] if index < len(operations) else commit
                name = done.get("row", {}).get("name", "")
                what = " ".join(filter(None, (done["op"], done.get("table", ""), name)))
                raise BuildError(
                    f"Open vSwitch refused {what}: {result.get('details') or result['error']}"
                )
        return answer

    def select(
        self, table: str, columns: Sequence[str], where: Sequence[Any] = ()
    ) -> list[dict[str, Any]]:
        """These columns of the rows of a table for which `where` holds."""
        query = {"op": "select", "table": table, "where": list(where), "columns": list(columns)}
        rows: list[dict[str, Any]] = self.transact([query])[0]["rows"]
        return rows

    def configure(self, operations: Sequence[Operation], timeout_s: float) -> None:
        """Do all operations and wait until the switch daemon has taken them up."""
        bump = {
            "op": "mutate", "table": _DATABASE, "where": [],
            "mutations": [["next_cfg", "+=", 1]],
        }  # fmt: skip
        read = {"op": "select", "table": _DATABASE, "where": [], "columns": ["next_cfg"]}
        number = self.transact([*operations, bump, read])[-1]["rows"][0]["next_cfg"]
        wait = {
            "op": "wait", "table": _DATABASE, "where": [["cur_cfg", ">=", number]],
            "columns": ["cur_cfg"], "until": "!=", "rows": [], "timeout": int(timeout_s * 1000),
        }  # fmt: skip
        try:
            self.transact([wait])
        except BuildError as error:
            raise BuildError(
                f"ovs-vswitchd did not take up the change within {timeout_s:g} s ({error})"
            ) from None

    def _call(self, method: str, parameters: list[Any]) -> list[Any]:
        self._number += 1
        request = {"method": method, "params": parameters, "id": self._number}
        try:
            self._socket.sendall(json.dumps(request).encode())
            while True:
                message = self._message()
                if message.get("method") == "echo":
                    reply = {"id": message["id"], "result": message["params"], "error": None}
                    self._socket.sendall(json.dumps(reply).encode())
                elif message.get("id") == self._number:
                    break
        except OSError as error:
            raise BuildError(f"Open vSwitch's database: {error}") from None
        if message.get("error"):
            raise BuildError(f"Open vSwitch's database: {message['error']}")
        result: list[Any] = message["result"]
        return result

    def _message(self) -> dict[str, Any]:
        """The next message; they follow each other with nothing between them."""
        while True:
            try:
                message, end = json.JSONDecoder().raw_decode(self._received.decode())
            except ValueError:  # not yet whole
                data = self._socket.recv(_RECEIVE_BYTES)
                if not data:
                    raise ConnectionError("closed the connection") from None
                self._received += data
            else:
                self._received = self._received.decode()[end:].encode()
                return dict(message)
