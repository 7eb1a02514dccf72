"""Bulk transfer with iperf3, through its library's Python wrapper.

    python -m traffic.bulk server --port 5201 --out server.json
    python -m traffic.bulk client --to 10.0.0.2:5201 --duration-s 10 --out client.json

The output is iperf3's own JSON, with `status` (`ok`, `failed`, `unfinished`) and `reason`.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from traffic.clock import NS_PER_S, now_ns, wait_until, wake_exactly
from traffic.command import MAX_PORT, Failure, Parser, add_window, address, number, run, whole
from traffic.command import window as window_of
from traffic.output import write_json
from traffic.stopping import Stop
from traffic.udp import resolved

PROGRAM = "traffic.bulk"

_CONNECT_TIMEOUT_MS = 10_000
_GRACE_NS = 10 * NS_PER_S
_CHECK_EVERY_NS = NS_PER_S // 10
# The wrapper reads libiperf's report from a pipe only when it is whole.
_PIPE_BYTES = 1 << 20
_UDP_PAYLOAD_BYTES = 1448  # what the program iperf3 takes on a path of 1,500 bytes
_ECN_SETTING = "/proc/sys/net/ipv4/tcp_ecn"
_CONGESTION_CONTROLS = "/proc/sys/net/ipv4/tcp_available_congestion_control"


class Transfer(threading.Thread):
    """One run of libiperf in a thread, because its C code cannot be interrupted."""

    def __init__(self, side: Any) -> None:
        super().__init__(daemon=True)
        self.side = side
        self.result: dict[str, Any] | None = None

    def run(self) -> None:
        """Run to the end and keep iperf3's JSON; an error is in its field `error`."""
        self.result = self.side.run().json

    def wait(self, deadline_ns: int | None, stop: Stop) -> None:
        """Wait for the end, a stop or the deadline."""
        while self.is_alive() and not stop.requested:
            present_ns = now_ns()
            if deadline_ns is not None and present_ns >= deadline_ns:
                return
            wait_until(present_ns + _CHECK_EVERY_NS, stop)

    def report(self) -> dict[str, object]:
        """What to write: iperf3's JSON, or why there is none."""
        if self.result is None:
            grace_s = _GRACE_NS // NS_PER_S
            reason = f"iperf3 had no result when it was ended ({grace_s} s after the run's end)"
            return {"status": "unfinished", "reason": reason}
        error = self.result.get("error")
        return {"status": "failed" if error else "ok", "reason": error, **self.result}


def main(arguments: list[str]) -> int:
    """Run one transfer or serve one: 0, or 1 if iperf3 failed."""
    args = parse(arguments)
    wake_exactly()
    stop = Stop().on_signals()
    start_ns, stop_ns = window_of(args)
    transfer = Transfer(
        _client(args, start_ns, stop_ns) if args.role == "client" else _server(args)
    )
    write_json(args.out, transfer.report())  # fails before the run, not after
    if args.role == "client":
        wait_until(start_ns, stop)
    with _asking_for_ecn(args.congestion if args.role == "client" else None):
        if not stop.requested:
            transfer.start()
        transfer.wait(None if stop_ns is None else stop_ns + _GRACE_NS, stop)
    report = transfer.report()
    write_json(args.out, report)
    if report["status"] == "failed":
        raise Failure(f"iperf3: {report['reason']}")
    if transfer.is_alive():
        if not stop.requested:
            print(f"{PROGRAM}: unfinished: {report['reason']}", file=sys.stderr, flush=True)
        os._exit(0)  # libiperf's thread never returns; nothing is left to clean up
    return 0


def _library() -> Any:
    try:
        import iperf3  # noqa: PLC0415  the other programs must not need it
    except ImportError:
        raise Failure("the Python package iperf3 is missing; install it") from None
    return iperf3


def _made(kind: str) -> Any:
    try:
        side = getattr(_library(), kind)()
    except OSError as error:
        raise Failure(f"libiperf cannot be loaded ({error}); install iperf3") from None
    fcntl.fcntl(side._pipe_in, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)  # noqa: SLF001
    return side


def _client(args: Namespace, start_ns: int, stop_ns: int | None) -> Any:
    seconds, rest_ns = divmod((stop_ns or 0) - start_ns, NS_PER_S)
    if stop_ns is None or seconds < 1 or rest_ns:
        raise Failure("iperf3 runs whole seconds; give --duration-s 1, 2, …")
    host, port = resolved(args.to)  # libiperf's own message would be «Invalid argument»
    client = _made("Client")
    client.server_hostname, client.port = host, port
    client.duration = seconds
    client.protocol = args.protocol
    client.num_streams = args.streams
    if args.rate_mbps and not args.paced:
        client.bandwidth = round(args.rate_mbps * 1e6)
    if args.payload_bytes or args.protocol == "udp":
        # The library's own choice for UDP would be fragments of 64 kB.
        client.blksize = args.payload_bytes or _UDP_PAYLOAD_BYTES
    _set_options(client, args)
    return client


def _set_options(client: Any, args: Namespace) -> None:
    """What libiperf can do and its Python wrapper does not offer."""
    library, test = client.lib, ctypes.c_void_p(client._test)  # noqa: SLF001
    library.iperf_set_test_connect_timeout(test, _CONNECT_TIMEOUT_MS)
    library.iperf_set_test_tos(test, args.dscp << 2)
    if args.congestion:
        library.iperf_set_test_congestion_control(test, args.congestion.encode())
    if args.paced:
        library.iperf_set_test_fqrate(test, ctypes.c_uint64(round(args.rate_mbps * 1e6)))


def _server(args: Namespace) -> Any:
    server = _made("Server")
    server.port = args.port
    if args.bind:
        server.bind_address = args.bind
    return server


@contextmanager
def _asking_for_ecn(congestion: str | None) -> Iterator[None]:
    """Let connections of this host ask for ECN while dctcp runs.

    libiperf chooses the congestion control of a socket that is connected already, and DCTCP
    on a connection without ECN is Reno (RFC 8257). Without the right to change
    the setting it stays as it is; iperf3 reports `dctcp-reno` then.
    """
    before = None
    if congestion == "dctcp":
        with suppress(OSError):
            before = _ecn_setting()
            _set_ecn("1")
    try:
        yield
    finally:
        if before is not None:
            with suppress(OSError):
                _set_ecn(before)


def _ecn_setting() -> str:
    with open(_ECN_SETTING, encoding="ascii") as file:
        return file.read().strip()


def _set_ecn(value: str) -> None:
    with open(_ECN_SETTING, "w", encoding="ascii") as file:
        file.write(value)


def parse(arguments: list[str]) -> Namespace:
    """The checked arguments; ends the process with status 2 when they are wrong."""
    parser = Parser(prog=PROGRAM, description=__doc__)
    roles = parser.add_subparsers(dest="role", required=True, metavar="server|client")
    server = roles.add_parser("server", help="serve one transfer")
    server.add_argument("--bind", default="", metavar="ADDRESS", help="(all addresses)")
    server.add_argument("--port", type=whole(1, MAX_PORT), required=True)
    client = roles.add_parser("client", help="send for some seconds")
    client.add_argument("--to", type=address, required=True, metavar="HOST:PORT")
    client.add_argument("--protocol", choices=("tcp", "udp"), default="tcp", help="(tcp)")
    client.add_argument(
        "--rate-mbps", type=number(0.001, 1e6), help="target rate (tcp: unlimited, udp: 1.05)"
    )
    client.add_argument(
        "--paced", action="store_true",
        help="the kernel spaces TCP's packets at --rate-mbps (else iperf3 throttles its writes)",
    )  # fmt: skip
    client.add_argument(
        "--congestion",
        metavar="NAME",
        help="TCP's congestion control, such as bbr; dctcp asks for ECN, and as root sees to it",
    )
    client.add_argument("--dscp", type=whole(0, 63), default=0, help="traffic class (0)")
    client.add_argument("--streams", type=whole(1, 128), default=1, help="(1)")
    client.add_argument(
        "--payload-bytes", type=whole(16, 1 << 20), help="size of one write (iperf3's choice)"
    )
    for role in (server, client):
        role.add_argument("--out", required=True, metavar="FILE", help="iperf3's JSON")
        add_window(role)
    args = parser.parse_args(arguments)
    if args.role == "client" and (problem := _problem(args)):
        parser.error(problem)
    return args


def _problem(args: Namespace) -> str | None:
    if args.protocol == "udp" and (args.paced or args.congestion):
        return "--paced and --congestion are TCP's; leave them out with --protocol udp"
    if args.paced and not args.rate_mbps:
        return "--paced needs --rate-mbps; add it"
    known = congestion_controls()
    if args.congestion and known and args.congestion not in known:
        return f"--congestion {args.congestion}: this kernel has {', '.join(known)}"
    return None


def congestion_controls() -> list[str]:
    """The congestion controls that this kernel offers; none if it does not say."""
    try:
        with open(_CONGESTION_CONTROLS, encoding="ascii") as file:
            return sorted(file.read().split())
    except OSError:
        return []


if __name__ == "__main__":
    run(PROGRAM, main)
