"""What fills links: traffic matrices and iperf3."""

from __future__ import annotations

from dataclasses import dataclass

from traffic.describe.process import Process, Shaped


@dataclass(frozen=True, kw_only=True)
class MatrixReceiver(Process):
    """Counts a matrix's flows at one host, by when their packets were sent."""

    program = "matrix"
    role = "receive"

    port: int
    bind: str | None = None
    borders_ns: tuple[int, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class MatrixSender(Shaped):
    """All flows of one host; each of `flows` is FLOW@HOST:PORT=MBPS (whole frames)."""

    program = "matrix"
    role = "send"

    flows: tuple[str, ...]
    payload_bytes: int = 1400
    dscp: int = 0
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class BulkServer(Process):
    """Serves one iperf3 transfer."""

    program = "bulk"
    role = "server"
    needs_packages = True

    port: int
    bind: str | None = None


@dataclass(frozen=True, kw_only=True)
class BulkClient(Process):
    """One iperf3 transfer over whole seconds (stop_at_ns − start_at_ns).

    paced: the kernel spaces TCP's packets at the rate. congestion: such as `cubic` or `bbr`.
    """

    program = "bulk"
    role = "client"
    needs_packages = True

    to: str
    protocol: str = "tcp"
    rate_mbps: float | None = None
    paced: bool = False
    congestion: str | None = None
    dscp: int = 0
    streams: int = 1
    payload_bytes: int | None = None
