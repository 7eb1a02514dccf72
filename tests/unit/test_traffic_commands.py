"""Command lines: descriptions match the programs, and wrong arguments are told in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.traffic_processes import end, free_port, start
from traffic import (
    bulk,
    capture,
    collective,
    crafted,
    incast,
    inference,
    matrix,
    probe,
    replay,
    training,
    twamp,
)
from traffic.describe import (
    BulkClient,
    BulkServer,
    CollectiveRank,
    CraftedPackets,
    IncastReceiver,
    IncastSender,
    InferenceLoad,
    InferenceServer,
    MatrixReceiver,
    MatrixSender,
    PacketCapture,
    PcapReplay,
    ProbeReceiver,
    ProbeSender,
    Process,
    ToolServer,
    TrainingRank,
    TwampReflector,
    TwampSender,
    WeightStore,
    environment,
)

PARSERS = {
    "probe": probe.parse,
    "collective": collective.parse,
    "incast": incast.parse,
    "training": training.parse,
    "inference": inference.parse,
    "bulk": bulk.parse,
    "crafted": crafted.parse,
    "twamp": twamp.parse,
    "matrix": matrix.parse,
    "capture": capture.parse,
    "replay": replay.parse,
}
WHEN: dict[str, Any] = {"out": "o", "start_at_ns": 5, "stop_at_ns": 9}
DESCRIPTIONS: list[Process] = [
    ProbeSender(**WHEN, to="h:1", rate_pps=10_000, flow=2, dscp=(46, 0), stamp="clock"),
    ProbeReceiver(**WHEN, port=9, flow=2, bind="127.0.0.1"),
    TrainingRank(**WHEN, rank=1, peers=("a:1", "b:2"), bytes=800, steps=3, verify=True),
    IncastSender(**WHEN, to="h:1", bytes=9, sender=2, jitter_us=1.5, bursts=3),
    IncastReceiver(**WHEN, port=8, senders=3),
    CollectiveRank(**WHEN, rank=1, peers=("a:1", "b:2"), bytes=("800", "80"), groups="0;1"),
    InferenceServer(**WHEN, port=8, slots=2, prefill="chunked", kv_tokens=9, queue=3),
    InferenceServer(**WHEN, port=8, weights_from="h:1", weights_bytes=70, weights_after_s=1.5),
    ToolServer(**WHEN, port=8, tool_ms=1.5, answer_bytes=300),
    WeightStore(**WHEN, port=8, bind="127.0.0.1"),
    InferenceLoad(
        **WHEN,
        servers=("h:1", "h:2"),
        rate_rps=2.5,
        prompt_tokens="lognormal:512:0.8:4096",
        arrival_cv=2.0,
        tools=("t:1",),
        agent_share=0.5,
    ),
    BulkServer(**WHEN, port=5201),
    BulkClient(**WHEN, to="h:1", protocol="udp", rate_mbps=3.5),
    TwampReflector(**WHEN, port=862, stateless=True),
    TwampSender(**WHEN, to="h:1", rate_pps=10, dscp=46, count_from_ns=6, ramp_s=1.5),
    MatrixReceiver(**WHEN, port=9, borders_ns=(6, 7)),
    MatrixSender(**WHEN, flows=("1@h:1=3.5", "2@h:2=0.25"), seed=8, on_s=0.5, off_s=0.5),
    PacketCapture(**WHEN, interface="eth0", port=4791, max_packets=12, occupy=True),
    PcapReplay(**WHEN, pcap="p", to="10.0.0.1", speed=2.5),
    CraftedPackets(**WHEN, to="h:1", kind="rocev2", queue_pair=77),
]

_TWO = "--rank 0 --peers a:1,b:1 --out o"


@pytest.mark.parametrize("process", DESCRIPTIONS, ids=lambda process: type(process).__name__)
def test_each_description_is_understood_by_its_program(process: Process) -> None:
    argv = process.argv("python")
    script = next(index for index, word in enumerate(argv) if word.endswith(".py"))
    assert Path(argv[script]).is_file()
    args = PARSERS[process.program](argv[script + 1 :])
    assert (args.out, args.start_at_ns, args.stop_at_ns) == ("o", 5, 9)
    for name, value in vars(args).items():
        wanted = getattr(process, name, None)
        if isinstance(wanted, int | float) and not isinstance(wanted, bool):
            assert value == wanted, name


@pytest.mark.parametrize(
    ("program", "arguments", "message"),
    [
        ("probe", "send --to nowhere --out o", "'nowhere' is not HOST:PORT"),
        ("probe", "send --to h:70000 --out o", "'h:70000' is not HOST:PORT"),
        ("probe", "send --to h:1 --rate-pps 0 --out o", "'0' is not a whole number from 1 to"),
        ("probe", "send --to h:1 --payload-bytes 8 --out o", "from 24 to 65507"),
        ("probe", "receive --port 1 --out o --duration-s nan", "'nan' is not a number"),
        ("training", "--rank 2 --peers a:1,b:1 --bytes 80 --out o", "--peers names 2 ranks"),
        ("training", "--rank 0 --peers a:1 --bytes 80 --out o", "a collective needs at least two"),
        ("training", "--rank 0 --peers a:1,a:1 --bytes 80 --out o", "names an address twice"),
        ("training", "--rank 0 --peers a:1,b:1 --bytes 81 --out o", "not a multiple of 4"),
        ("training", "--rank 0 --peers a:1,b:1,c:1 --bytes 8 --out o", "without a number"),
        ("training", f"{_TWO} --bytes 80 --buckets 20", "without a number"),
        (
            "training",
            f"{_TWO} --bytes 80 --loop diloco --fragments 2",
            "belong to --loop streaming",
        ),
        (
            "training",
            f"{_TWO} --bytes 80 --loop streaming-diloco --inner-steps 2 --fragments 3",
            "--fragments 3 have no turn each in --inner-steps 2",
        ),
        ("collective", f"{_TWO} --bytes 80 --algorithm rong", "did you mean 'ring'?"),
        ("collective", f"{_TWO} --bytes 80 --algorithm x", "there are: ring, halving-doubling"),
        ("collective", f"{_TWO} --bytes 80 --collective allreduce", "did you mean 'all-reduce'?"),
        ("collective", f"{_TWO} --bytes 80,80", "names a size twice"),
        ("collective", f"{_TWO} --bytes 80,4", "--bytes 4 leaves some of 2 ranks"),
        ("collective", f"{_TWO} --bytes 80 --root 2", "--root 2: --peers names 2 ranks"),
        ("collective", f"{_TWO} --bytes 80 --groups 0;0", "has to name each of the ranks 0 to 1"),
        ("collective", f"{_TWO} --bytes 80 --groups a", "is not groups of ranks such as 0,1;2,3"),
        ("inference", "load --servers h:1 --rate-rps 0 --out o", "'0' is not a number from"),
        (
            "inference",
            "load --servers h:1 --rate-rps 1 --prompt-tokens normal:3:1 --out o",
            "'normal:3:1' is no token count; give COUNT or lognormal:MEDIAN:SIGMA",
        ),
        ("inference", "load --servers h:1 --out o", "give either --rate-rps or --trace"),
        ("inference", "load --servers h:1,h:1 --rate-rps 1 --out o", "--servers names an addre"),
        ("inference", "load --servers h:1,h --rate-rps 1 --out o", "'h' is not HOST:PORT"),
        ("inference", "load --servers h:1 --requests r --trace t --out o", "cannot read t: No"),
        ("inference", "load --servers h:1 --requests /nowhere --out o", "cannot read /nowhere"),
        ("inference", "load --servers h:1 --requests r --rate-rps 1 --out o", "leave out --rate"),
        ("inference", "plan --rate-rps 1 --out o", "needs an end; give --duration-s"),
        ("inference", "plan --rate-rps 1 --arrival-cv -1 --duration-s 1 --out o", "from 0 to 20"),
        ("inference", "plan --rate-rps 1 --agent-share 0.5 --duration-s 1 --out o", "give --tools"),
        ("inference", "plan --rate-rps 1 --agent-calls 3:1 --out o", "not FEWEST:MOST"),
        ("inference", "serve --port 1 --weights-from h:1 --out o", "--weights-bytes go together"),
        ("inference", "summary r --objective gpt", "'gpt' is no objective; give TTFT:TPOT in ms"),
        ("inference", "summary r --objective 450:0", "'450:0' is no objective"),
        ("inference", "dance", "invalid choice: 'dance'"),
        ("bulk", "client --to h:1 --protocol sctp --out o", "invalid choice: 'sctp'"),
        ("bulk", "client --to h:1 --protocol udp --paced --out o", "are TCP's; leave them out"),
        ("bulk", "client --to h:1 --paced --out o", "--paced needs --rate-mbps"),
        ("bulk", "client --to h:1 --congestion vegas --out o", "this kernel has"),
        ("probe", "send --to h:1 --dscp 1,1 --out o", "'1,1' is no list of at most 64 values"),
        ("twamp", "send --to h:1 --payload-bytes 14 --out o", "from 44 to 65507"),
        ("matrix", "send --flows 1@h:1 --out o", "'1@h:1' is not FLOW@HOST:PORT=MBPS"),
        ("matrix", "send --flows 1@h:1=2,1@h:2=2 --out o", "flow ids are unique"),
        ("capture", "--interface e --occupy --out o", "--occupy needs --port"),
        ("replay", "--pcap p --to nowhere --out o", "'nowhere' is no IPv4 address"),
        ("crafted", "--to h:1 --dscp 64 --out o", "'64' is not a whole number from 0 to 63"),
    ],
)
def test_wrong_arguments_end_with_one_line_and_status_2(
    program: str, arguments: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        PARSERS[program](arguments.split())
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("process", "message"),
    [
        (ProbeReceiver(out="/nowhere/x", port=free_port()), "cannot write /nowhere/x"),
        (ProbeReceiver(out="/dev/null", port=9999, bind="203.0.113.9"), "cannot listen on"),
        (ProbeReceiver(out="/dev/null", port=9999, start_at_ns=1), "in the past"),
        (InferenceServer(out="/dev/null", port=9999, bind="203.0.113.9"), "cannot listen on"),
        (TrainingRank(out="/nowhere/x", rank=0, peers=("a:1", "b:1"), bytes=8), "cannot write"),
        (BulkClient(out="/dev/null", to="127.0.0.1:1"), "whole seconds"),
        (MatrixSender(out="/dev/null", flows=("0@no-host.invalid:9=1",)), "to no-host.invalid:9:"),
    ],
)
def test_a_failed_run_ends_with_one_line_and_status_1(process: Process, message: str) -> None:
    said = end(start(process), status=1)
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("program", PARSERS)
def test_help_needs_neither_packages_nor_a_working_directory(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-m", f"traffic.{program}", "--help"],
        env={**os.environ, **environment()}, cwd="/", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "--out" in done.stdout or "positional" in done.stdout


def test_the_package_lists_its_programs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "traffic"],
        env={**os.environ, **environment()}, cwd="/", capture_output=True, text=True, check=True,
    )  # fmt: skip
    listed = [line.split()[2] for line in done.stdout.splitlines() if line.startswith("python")]
    assert sorted(listed) == sorted(f"traffic.{program}" for program in PARSERS)


def test_no_program_imports_what_starts_slowly() -> None:
    code = (
        "import sys, traffic.probe, traffic.collective, traffic.training, traffic.inference;"
        "print([m for m in ('asyncio', 'dataclasses', 'typing', 'ssl', 'subprocess', 'numpy')"
        " if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={**os.environ, **environment()}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


def test_crafted_packets_are_what_was_asked_for(tmp_path: Path) -> None:
    pcap, out = tmp_path / "p.pcap", tmp_path / "o.json"
    end(start(CraftedPackets(
        out=str(out), to="127.0.0.1:4791", kind="rocev2", count=3, dscp=26, ecn=1,
        queue_pair=0x012345, payload_bytes=100, pcap=str(pcap),
    )))  # fmt: skip
    raw = pcap.read_bytes()
    at, packets = 24, []
    while at < len(raw):
        size = int.from_bytes(raw[at + 8 : at + 12], sys.byteorder)
        packets.append(raw[at + 16 : at + 16 + size])
        at += 16 + size
    assert [packet[1] for packet in packets] == [26 << 2 | 1] * 3  # DSCP and ECN
    for sequence, packet in enumerate(packets):
        udp, transport = packet[20:28], packet[28:40]
        assert int.from_bytes(udp[2:4], "big") == 4791
        assert int.from_bytes(transport[5:8], "big") == 0x012345  # destination queue pair
        assert int.from_bytes(transport[9:12], "big") == sequence
        assert len(packet) == 20 + 8 + 12 + 100 + 4  # with the invariant CRC
    assert json.loads(out.read_text())["sent"] == 0


def test_bulk_moves_data_over_loopback(tmp_path: Path) -> None:
    port = free_port()
    served, sent = tmp_path / "s.json", tmp_path / "c.json"
    server = start(BulkServer(out=str(served), port=port, bind="127.0.0.1"))
    report: dict[str, Any] = {"status": "failed"}
    while report["status"] == "failed":  # until the server listens
        argv = BulkClient(out=str(sent), to=f"127.0.0.1:{port}", rate_mbps=20.0).argv(
            sys.executable
        )
        subprocess.run([*argv, "--duration-s", "1"], env={**os.environ, **environment()},
                       capture_output=True, check=False)  # fmt: skip
        report = json.loads(sent.read_text())
        assert server.poll() is None or report["status"] == "ok"
    end(server)
    assert report["status"] == "ok"
    assert report["end"]["sum_sent"]["bytes"] > 0
    assert json.loads(served.read_text())["status"] == "ok"
