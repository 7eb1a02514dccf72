"""A run of iperf between two nodes.

Mininet's own ends every iperf on the machine first, asks telnet whether the server listens,
and gives an empty text when it has measured nothing.
"""

from __future__ import annotations

import select
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from topologies.builder.errors import BuildError

_READY_S = 10.0
_POLL_S = 0.01
_REPORT_S = 30.0
_END_S = 5.0
_READ_BYTES = 65536


@dataclass(frozen=True, slots=True)
class IperfTest:
    """What is measured.

    protocol: TCP or UDP; udp_rate: of UDP, as iperf writes it (`10M`); unit: iperf's `-f`.
    """

    protocol: str
    udp_rate: str | None
    unit: str | None
    duration_s: int
    port: int

    def run(self, client: Any, server: Any) -> tuple[str, str]:
        """What the server and the client said. Raises BuildError when there is no result."""
        if self.protocol not in ("TCP", "UDP"):
            raise BuildError(f"iperf measures 'TCP' or 'UDP', not {self.protocol!r}")
        with server.popen(
            ["stdbuf", "-oL", *self._words(), "-s"], stderr=subprocess.STDOUT
        ) as serving:
            try:
                self._wait_until_ready(serving)
                sent = self._send(client, server.IP())
                received = _report(serving)
            finally:
                _end(serving)
        return received, sent

    def _words(self) -> list[str]:
        words = ["iperf", "-p", str(self.port)]
        words += ["-u"] if self.protocol == "UDP" else []
        return words + (["-f", self.unit] if self.unit else [])

    def _send(self, client: Any, address: str) -> str:
        rate = ["-b", self.udp_rate] if self.udp_rate else []
        said, complaint, status = client.pexec(
            [*self._words(), "-t", str(self.duration_s), "-c", address, *rate]
        )
        if status or "/sec" not in said:
            raise BuildError(f"iperf on {client.name}: {(complaint or said).strip()}")
        return str(said)

    def _wait_until_ready(self, serving: subprocess.Popen[bytes]) -> None:
        table = Path(f"/proc/{serving.pid}/net/{self.protocol.lower()}")
        end_s = time.monotonic() + _READY_S
        while not _listens(table, self.port):
            if serving.poll() is not None or time.monotonic() > end_s:
                raise BuildError(f"iperf does not listen on port {self.port}: {_said(serving)}")
            time.sleep(_POLL_S)


def _listens(table: Path, port: int) -> bool:
    """Whether a socket is bound to a port, by the kernel's table (proc(5))."""
    try:
        rows = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return False
    return any(int(row.split()[1].rpartition(":")[2], 16) == port for row in rows)


def _report(serving: subprocess.Popen[bytes]) -> str:
    """The server's words, until they have a rate in them."""
    said = b""
    end_s = time.monotonic() + _REPORT_S
    while b"/sec" not in said:
        assert serving.stdout
        ready, _, _ = select.select([serving.stdout], [], [], end_s - time.monotonic())
        data = serving.stdout.read1(_READ_BYTES) if ready else b""  # type: ignore[attr-defined]
        if not data:
            raise BuildError(f"iperf's server gave no result: {said.decode(errors='replace')}")
        said += data
    return said.decode(errors="replace")


def _said(serving: subprocess.Popen[bytes]) -> str:
    _end(serving)
    assert serving.stdout
    return serving.stdout.read().decode(errors="replace").strip()


def _end(serving: subprocess.Popen[bytes]) -> None:
    serving.send_signal(signal.SIGTERM)
    try:
        serving.wait(timeout=_END_S)
    except subprocess.TimeoutExpired:
        serving.kill()
        serving.wait()
