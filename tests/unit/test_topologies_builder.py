"""The parts of the builder that need no root: queues, messages, database rows."""

from __future__ import annotations

import errno
import json
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.topology_samples import checked, triangle
from topologies.builder.devices import Indices, device_names, span_pairs, span_requests
from topologies.builder.errors import BuildError
from topologies.builder.netlink import Request, RouteSocket, attribute, attributes
from topologies.builder.ovsdb import Database
from topologies.builder.shaping import shape
from topologies.plan import SPAN_MTU, make_plan


@given(st.floats(0, 1e6), st.floats(0.001, 1e6), st.floats(0.01, 1000))
def test_buffer_holds_its_time_and_at_least_one_packet(
    delay_us: float, rate_mbps: float, buffer_ms: float
) -> None:
    wanted = shape(delay_us, rate_mbps, buffer_ms, SPAN_MTU)
    assert wanted.buffer_bytes >= SPAN_MTU + 14
    if wanted.buffer_bytes > SPAN_MTU + 14:
        assert abs(wanted.buffer_bytes - wanted.rate_bytes_s * buffer_ms / 1000) <= 0.5
    assert abs(wanted.delay_ns - delay_us * 1000) <= 0.5
    sending_ns = (SPAN_MTU + 14) * 1e9 / wanted.rate_bytes_s
    assert wanted.buffer_ns >= sending_ns * (1 - 1e-9)


@given(st.dictionaries(st.integers(1, 100), st.binary(max_size=50)))
def test_attributes_are_read_as_written(values: dict[int, bytes]) -> None:
    data = b"".join(attribute(kind, value) for kind, value in values.items())
    assert len(data) % 4 == 0
    assert attributes(data) == values


def test_each_span_is_a_pair_shaped_and_up_in_both_directions() -> None:
    plan = make_plan(checked(triangle()), scale=1000)
    indices = Indices.number(plan, base=1000)
    made = [request.what for request in span_pairs(plan, indices, group=7)]
    assert made == [f"make link {s.a.interface} - {s.b.interface}" for s in plan.spans]
    done = [request.what for request in span_requests(plan, indices)]
    for span in plan.spans:
        for name in (span.a.interface, span.b.interface):
            assert f"netem on {name}" in done
            assert f"set {name} up" in done


def test_no_two_devices_have_one_number() -> None:
    plan = make_plan(checked(triangle()))
    indices = Indices.number(plan, base=1000)
    numbers = [*indices.ports.values(), *indices.control.values()]
    assert sorted(numbers) == list(range(1000, 1000 + len(device_names(plan))))


def test_refused_request_is_named_with_the_kernels_reason() -> None:
    get_route = 26
    unknown_family = struct.pack("=BBBBBBBBI", 200, 0, 0, 0, 0, 0, 0, 0, 0)
    with RouteSocket() as route:
        request = Request("look for a way", get_route, unknown_family, flags=0)
        with pytest.raises(BuildError, match=r"look for a way: .*not supported"):
            route.run([request])
        tolerated = frozenset({errno.EOPNOTSUPP})
        route.run([Request("look for a way", get_route, unknown_family, 0, tolerated)])


@pytest.fixture
def answers(tmp_path: Path) -> Iterator[tuple[Path, list[object]]]:
    """A database that answers each request with the next of a list, in small pieces."""
    path = tmp_path / "db.sock"
    replies: list[object] = []
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    thread = threading.Thread(target=_serve, args=(listening, replies), daemon=True)
    thread.start()
    yield path, replies
    listening.close()
    thread.join()


def _serve(listening: socket.socket, replies: list[object]) -> None:
    connection, _ = listening.accept()
    with connection:
        while request := connection.recv(1 << 16):
            number = json.loads(request)["id"]
            probe = json.dumps({"id": "echo", "method": "echo", "params": []})
            reply = json.dumps({"id": number, "result": replies.pop(0), "error": None})
            connection.sendall(probe.encode())
            assert json.loads(connection.recv(1 << 16))["id"] == "echo"
            for start in range(0, len(reply), 7):
                connection.sendall(reply[start : start + 7].encode())


def test_answer_is_put_together_from_its_pieces(answers: tuple[Path, list[object]]) -> None:
    path, replies = answers
    rows = [{"name": f"brücke{n}"} for n in range(20)]
    replies += [[{"rows": rows}], [{"rows": []}]]
    with Database(path) as database:
        assert database.select("Bridge", ["name"]) == rows
        assert database.select("Bridge", ["name"]) == []


def test_refused_row_is_named(answers: tuple[Path, list[object]]) -> None:
    path, replies = answers
    replies.append([{}, {"error": "constraint violation", "details": "too long"}, None])
    rows = [{"op": "insert", "table": "Port", "row": {"name": name}} for name in ("p1", "p2")]
    with Database(path) as database, pytest.raises(BuildError, match="insert Port p2: too long"):
        database.transact(rows)


def test_open_vswitch_that_does_not_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="No such file or directory; is Open vSwitch running"):
        Database(tmp_path / "none.sock")


def test_this_process_keeps_its_files() -> None:
    before = sorted(Path("/proc/self/fd").iterdir())
    with RouteSocket():
        pass
    assert sorted(Path("/proc/self/fd").iterdir()) == before
