"""Numbered packets at an exact rate, and the gaps in what comes."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time

from tests.emulation.controlled_networks import Hosts
from topologies.build import Network

SETTLE_S = 0.5  # more than any way through these networks takes
RATE_PPS = 10_000
PROBE = """
import ctypes, socket, sys, time
ctypes.CDLL(None).prctl(29, 1)
end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end.connect((sys.argv[1], 9000))
start, count, interval = time.monotonic_ns(), int(sys.argv[2]), int(sys.argv[3])
for number in range(count):
    wait = (start + number * interval - time.monotonic_ns()) / 1e9
    if wait > 0:
        time.sleep(wait)
    end.send(b"%d" % number)
"""


class Probe:
    """Numbered packets between two sites, at an exact rate, until it is told to end."""

    def __init__(
        self,
        network: Network,
        hosts: Hosts,
        source: str,
        target: str,
        rate_pps: int = RATE_PPS,
    ) -> None:
        self._hosts = hosts
        self._sender, self._receiver = hosts.by_switch[source], hosts.by_switch[target]
        command = [sys.executable, "-c", PROBE, self._receiver.ip, str(10**6)]
        node = network.get(self._sender.name)
        self._process: subprocess.Popen[bytes] = node.popen([*command, str(10**9 // rate_pps)])

    def end(self) -> list[int]:
        """The numbers that came, in their order."""
        self._process.terminate()
        self._process.wait()
        time.sleep(SETTLE_S)
        return [
            int(payload)
            for address, payload in self._hosts.received(self._receiver)
            if address == self._sender.ip
        ]


def holes(numbers: list[int]) -> list[tuple[int, int]]:
    """(first number missing, how many) of each gap among the numbers that came."""
    pairs = itertools.pairwise(sorted(numbers))
    return [(a + 1, b - a - 1) for a, b in pairs if b > a + 1]
