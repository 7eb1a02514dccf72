"""Each program as a description that turns into its command line.

An experiment fills these in from its scenario and starts `argv(...)` in a host, without
knowing the programs' flags: a field is the flag of the same name.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar

_PACKAGE = Path(__file__).resolve().parent

Value = str | int | float | bool | tuple[str, ...] | tuple[int, ...] | None


def environment() -> dict[str, str]:
    """What the programs need in their environment, whatever their working directory."""
    return {"PYTHONPATH": str(_PACKAGE.parent)}


@dataclass(frozen=True, kw_only=True)
class Process:
    """A program of this package in one host.

    out: its result file. start_at_ns, stop_at_ns: CLOCK_MONOTONIC; None: at once, until a
    signal ends it.
    """

    program: ClassVar[str]
    role: ClassVar[str] = ""
    needs_packages: ClassVar[bool] = False

    out: str
    start_at_ns: int | None = None
    stop_at_ns: int | None = None

    def argv(self, python: str) -> list[str]:
        """The command line. Run it with `environment()` added to the environment."""
        # -S: without site-packages Python starts in a third of the time.
        options = ["-P"] if self.needs_packages else ["-S", "-P"]
        command = [python, *options, str(_PACKAGE / f"{self.program}.py")]
        if self.role:
            command.append(self.role)
        for field in fields(self):
            command += _flag(field.name, getattr(self, field.name))
        return command


@dataclass(frozen=True, kw_only=True)
class Shaped(Process):
    """A program that follows a schedule (see schedule.py) between its start and its stop."""

    ramp_s: float | None = None
    on_s: float | None = None
    off_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class ProbeSender(Shaped):
    """Numbered UDP packets on an exact schedule; `to` is HOST:PORT.

    dscp: each is a flow of its own, numbered from `flow` on.
    """

    program = "probe"
    role = "send"

    to: str
    rate_pps: int
    flow: int = 0
    payload_bytes: int = 64
    dscp: tuple[int, ...] = (0,)
    stamp: str = "schedule"
    """`schedule` in virtual time, `clock` in real time."""


@dataclass(frozen=True, kw_only=True)
class ProbeReceiver(Process):
    """Records flows: rows in `out`, `out`.1, … (see probe_log), a summary in `out`.json."""

    program = "probe"
    role = "receive"

    port: int
    flow: int = 0
    flows: int = 1
    no_rows: bool = False
    bind: str | None = None


@dataclass(frozen=True, kw_only=True)
class TwampReflector(Process):
    """Answers TWAMP Light and STAMP packets from anybody."""

    program = "twamp"
    role = "reflect"

    port: int
    bind: str | None = None
    stateless: bool = False


@dataclass(frozen=True, kw_only=True)
class TwampSender(Shaped):
    """Probes there and back; packets due before count_from_ns are not in the figures."""

    program = "twamp"
    role = "send"

    to: str
    rate_pps: int
    payload_bytes: int = 44
    dscp: int = 0
    session: int = 0
    wait_ms: int = 1000
    count_from_ns: int | None = None
    stateless: bool = False


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
class _Rank(Process):
    """What all programs with ranks have; `peers` are all ranks' HOST:PORT in order.

    groups: the ranks of each site, such as `0,1;2,3`. connections: for each pair of ranks.
    """

    rank: int
    peers: tuple[str, ...]
    algorithm: str | None = None
    connections: int = 1
    groups: str | None = None
    piece_bytes: int = 16_384
    verify: bool = False
    seed: int = 0
    connect_timeout_s: float = 30.0
    stall_timeout_s: float = 300.0
    grace_s: float = 5.0


@dataclass(frozen=True, kw_only=True)
class TrainingRank(_Rank):
    """One rank of a training loop; `bytes` go with each step or synchronisation."""

    program = "training"

    bytes: int
    loop: str = "data-parallel"
    compute_ms: float = 0.0
    compute_jitter: float = 0.0
    buckets: int = 1
    inner_steps: int = 100
    fragments: int = 1
    overlap_steps: int = 0
    microbatches: int = 8
    steps: int | None = None


@dataclass(frozen=True, kw_only=True)
class CollectiveRank(_Rank):
    """One rank of a collective of several sizes; without iterations it goes on to the end."""

    program = "collective"

    bytes: tuple[str, ...]
    collective: str = "all-reduce"
    root: int = 0
    iterations: int | None = None
    warm_up: int = 5
    period_s: float = 0.0
    one_clock: bool = False


@dataclass(frozen=True, kw_only=True)
class IncastSender(Process):
    """Bursts to one receiver, `to` HOST:PORT, at instants that all senders share."""

    program = "incast"
    role = "send"

    to: str
    bytes: int
    sender: int = 0
    period_ms: float = 100.0
    jitter_us: float = 0.0
    bursts: int | None = None
    seed: int = 0
    connect_timeout_s: float = 30.0
    stall_timeout_s: float = 60.0


@dataclass(frozen=True, kw_only=True)
class IncastReceiver(Process):
    """Takes the bursts of `senders` senders."""

    program = "incast"
    role = "receive"

    port: int
    senders: int = 4096
    bind: str | None = None


@dataclass(frozen=True, kw_only=True)
class InferenceServer(Process):
    """The model of an inference server; `weights_from` is a store's HOST:PORT."""

    program = "inference"
    role = "serve"

    port: int
    bind: str | None = None
    slots: int = 8
    prefill_ms: float = 20.0
    prefill_per_token_ms: float = 0.05
    decode_ms: float = 20.0
    decode_per_request_ms: float = 0.0
    prefill: str = "separate"
    chunk_tokens: int = 512
    kv_tokens: int | None = None
    queue: int | None = None
    token_bytes: int = 128
    weights_from: str | None = None
    weights_bytes: int | None = None
    weights_after_s: float = 0.0
    connections: int = 4


@dataclass(frozen=True, kw_only=True)
class ToolServer(Process):
    """A server that agents call between two answers of the model."""

    program = "inference"
    role = "tool"

    port: int
    bind: str | None = None
    slots: int = 8
    tool_ms: float = 50.0
    answer_bytes: int = 4096


@dataclass(frozen=True, kw_only=True)
class WeightStore(Process):
    """Where inference servers fetch their model's weights."""

    program = "inference"
    role = "store"

    port: int
    bind: str | None = None


@dataclass(frozen=True, kw_only=True)
class InferenceLoad(Process):
    """Open-loop requests to the first of `servers` that answers.

    They come from the list `requests`, or at random times at `rate_rps`. Token counts are `N` or
    `lognormal:MEDIAN:SIGMA[:MAX]`.
    """

    program = "inference"
    role = "load"

    servers: tuple[str, ...]
    requests: str | None = None
    rate_rps: float | None = None
    arrival_cv: float = 1.0
    prompt_tokens: str = "512"
    answer_tokens: str = "64"
    tools: tuple[str, ...] | None = None
    agent_share: float = 0.0
    agent_calls: str = "1:3"
    tool_call_tokens: int = 50
    tool_result_tokens: int = 500
    tool_request_bytes: int = 1024
    bytes_per_token: int = 4
    connections: str = "pool"
    warm: int = 4
    timeout_s: float = 10.0
    failover_ms: float = 1000.0
    drain_s: float = 10.0
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


@dataclass(frozen=True, kw_only=True)
class CraftedPackets(Shaped):
    """Scapy's packets: `udp`, `rocev2` or `vxlan`; `flows` take their turns."""

    program = "crafted"
    needs_packages = True

    to: str
    kind: str = "udp"
    count: int | None = None
    rate_pps: int = 1000
    payload_bytes: int = 64
    dscp: int = 0
    ecn: int = 0
    flows: int = 1
    queue_pair: int = 1
    message_packets: int = 1
    vni: int = 1
    pcap: str | None = None


@dataclass(frozen=True, kw_only=True)
class PcapReplay(Process):
    """The IPv4 packets of a pcap file, with its timing, to the address `to`."""

    program = "replay"
    needs_packages = True

    pcap: str
    to: str
    speed: float = 1.0


@dataclass(frozen=True, kw_only=True)
class PacketCapture(Process):
    """A pcap of an interface in `out`, and a summary in `out`.json.

    occupy: nobody answers packets to `port` that nobody listens there.
    """

    program = "capture"

    interface: str
    snap_bytes: int = 1700
    max_packets: int | None = None
    port: int | None = None
    occupy: bool = False


def _flag(name: str, value: Value) -> list[str]:
    flag = "--" + name.replace("_", "-")
    if value is None or value is False:
        return []
    if value is True:
        return [flag]
    return [flag, ",".join(map(str, value)) if isinstance(value, tuple) else str(value)]
