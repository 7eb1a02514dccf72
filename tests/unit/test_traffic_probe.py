"""The probe over loopback, its file format and its evaluation."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.traffic_processes import end, free_port, start, wait_for_file
from traffic.describe import ProbeReceiver, ProbeSender
from traffic.probe_log import Gap, Rows, read_rows, summarize
from traffic.probe_packet import HEADER, MAGIC
from traffic.schedule import Schedule


@given(
    start_ns=st.integers(0, 2**60),
    rate_pps=st.integers(1, 100_000),
    duration_ns=st.integers(1, 10**12),
)
def test_the_schedule_holds_exactly_the_packets_before_the_stop(
    start_ns: int, rate_pps: int, duration_ns: int
) -> None:
    stop_ns = start_ns + duration_ns
    schedule = Schedule(start_ns)
    count = schedule.packets_before(rate_pps, stop_ns)
    assert schedule.due_ns(rate_pps, count - 1) < stop_ns <= schedule.due_ns(rate_pps, count)


@given(rate_pps=st.integers(1, 100_000), second=st.integers(0, 10_000))
def test_no_error_adds_up_over_whole_seconds(rate_pps: int, second: int) -> None:
    assert Schedule(5).due_ns(rate_pps, rate_pps * second) == 5 + second * 1_000_000_000


def test_what_is_sent_is_recorded_and_rubbish_is_counted(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    rows_file = tmp_path / "flow.i64x3"
    receiver = start(ProbeReceiver(out=str(rows_file), port=port, flow=3, bind="127.0.0.1"))
    wait_for_file(rows_file, receiver)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for packet in (b"", b"short", bytes(64), HEADER.pack(MAGIC, 4, 0, 0)):
            stranger.sendto(packet, ("127.0.0.1", port))
    sender_file = tmp_path / "sender.json"
    sender = ProbeSender(out=str(sender_file), to=f"127.0.0.1:{port}", rate_pps=2000, flow=3)
    running = start(sender)
    while not sender_file.exists() or not rows_file.stat().st_size:
        assert running.poll() is None
    running.send_signal(signal.SIGTERM)
    end(running)
    receiver.send_signal(signal.SIGTERM)
    end(receiver)
    sent = json.loads(sender_file.read_text())
    found = json.loads(Path(f"{rows_file}.json").read_text())
    rows = read_rows(rows_file)
    assert sent["sent"] == sent["due"] == found["received"] == len(rows) > 0
    assert (found["malformed"], found["foreign"], found["kernel_drops"]) == (3, 1, 0)
    assert rows[:, 0].tolist() == list(range(len(rows)))
    assert (
        rows[:, 1] == [Schedule(sent["first_due_ns"]).due_ns(2000, i) for i in range(len(rows))]
    ).all()
    assert (rows[:, 2] >= rows[:, 1]).all()


def test_classes_are_flows_of_their_own_with_figures_that_need_no_rows(tmp_path: Path) -> None:
    port, out = free_port(socket.SOCK_DGRAM), tmp_path / "flows"
    receiver = start(
        ProbeReceiver(out=str(out), port=port, flow=8, flows=2, no_rows=True, bind="127.0.0.1")
    )
    wait_for_file(out, receiver)
    sent_file = tmp_path / "sent.json"
    sender = start(
        ProbeSender(out=str(sent_file), to=f"127.0.0.1:{port}", rate_pps=500, flow=8, dscp=(46, 0))
    )
    while not sent_file.exists():
        assert sender.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        sender.wait(timeout=0.2)
    sender.send_signal(signal.SIGTERM)
    end(sender)
    receiver.send_signal(signal.SIGTERM)
    end(receiver)
    sent = json.loads(sent_file.read_text())
    found = json.loads(Path(f"{out}.json").read_text())
    assert [flow["dscp"] for flow in sent["flows"]] == [46, 0]
    for told, seen in zip(sent["flows"], found["flows"], strict=True):
        assert told["sent"] == seen["received"] > 0
        assert (seen["lost"], seen["gaps"], seen["duplicates"]) == (0, 0, 0)
        assert 0 < seen["delay_min_ns"] <= seen["delay_p99_ns"] <= seen["delay_max_ns"]
    assert not out.read_text()
    assert not Path(f"{out}.1").read_text()


def test_a_probe_without_a_listener_sends_everything(tmp_path: Path) -> None:
    out = tmp_path / "s.json"
    port = free_port(socket.SOCK_DGRAM)
    sender = ProbeSender(out=str(out), to=f"127.0.0.1:{port}", rate_pps=1000, stamp="clock")
    running = start(sender)
    while not out.exists():
        assert running.poll() is None
    running.send_signal(signal.SIGINT)
    end(running)
    summary = json.loads(out.read_text())
    assert summary["interrupted"]
    assert summary["sent"] + sum(summary["not_sent"].values()) == summary["due"]


def rows_of(*numbers: int, delay_ns: int = 5) -> Rows:
    sent = np.array(numbers, dtype=np.int64) * 1000
    arrivals = np.arange(len(numbers), dtype=np.int64) * 1000
    return np.stack([np.array(numbers, dtype=np.int64), sent, arrivals + delay_ns], axis=1)


def test_gaps_duplicates_and_reordering_are_told_apart() -> None:
    summary = summarize(rows_of(0, 1, 4, 3, 4, 5), expected=8)
    assert (summary.received, summary.lost) == (5, 3)
    assert (summary.duplicates, summary.reordered) == (1, 1)
    assert summary.gaps == (Gap(2, 1, 1005, 3005), Gap(6, 2, 5005, None))


def test_an_empty_record_is_all_lost_and_has_no_delay() -> None:
    summary = summarize(rows_of(), expected=10)
    assert (summary.lost, summary.delay_p50_ns) == (10, None)
    assert summary.gaps == (Gap(0, 10, None, None),)


@given(st.lists(st.integers(0, 40), max_size=60))
def test_received_and_lost_make_up_what_was_due(numbers: list[int]) -> None:
    summary = summarize(rows_of(*numbers), expected=41)
    assert summary.received + summary.lost == 41
    assert summary.received + summary.duplicates == len(numbers)
    assert sum(gap.missing for gap in summary.gaps) == summary.lost


def test_a_row_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "cut"
    path.write_bytes(np.arange(7, dtype="<i8").tobytes())
    assert read_rows(path).tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("numbers", [(0, 1, 2), (5, 6)])
def test_without_a_schedule_the_flow_ends_with_the_last_arrival(numbers: tuple[int, ...]) -> None:
    assert summarize(rows_of(*numbers)).expected == numbers[-1] + 1
