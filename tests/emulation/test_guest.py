"""The guest as its callers use it. The kernel is the one in this user's cache, or is built."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from guest import Guest, GuestKernel, GuestSettings
from tests.emulation.booted_guests import PROJECT, Outcome, in_guest, kernel

__all__ = ["in_guest", "kernel"]  # fixtures
pytestmark = pytest.mark.on_host
REPLAY = """
import json, os, random, subprocess, time, uuid
network = [
    "ip link add v0 type veth peer name v1", "ip netns add far", "ip link set v1 netns far",
    "ip addr add 10.0.0.1/24 dev v0", "ip -n far addr add 10.0.0.2/24 dev v1",
    "ip link set v0 up", "ip -n far link set v1 up",
    "tc qdisc add dev v0 root netem delay 5ms loss 1% rate 50mbit limit 5000",
    "ip netns exec far tc qdisc add dev v1 root netem delay 5ms rate 50mbit limit 5000",
    "ip netns exec far iperf3 -s -D", "ovs-vsctl add-br s1",
]
for line in network:
    subprocess.run(line.split(), check=True)
iperf = ["iperf3", "-c", "10.0.0.2", "-t", "2", "-J"]
result = json.loads(subprocess.run(iperf, check=True, capture_output=True).stdout)
sent = [part["sum"] for part in result["intervals"]]
bridge = subprocess.run(["ovs-vsctl", "get", "bridge", "s1", "_uuid"], capture_output=True).stdout
print(json.dumps([
    random.random(), hash("x"), os.urandom(8).hex(), str(uuid.uuid4()), bridge.decode(),
    sent, result["start"]["cookie"], time.monotonic_ns(), os.getpid(),
]))
"""
MININET = """
from mininet.link import TCLink
from mininet.net import Mininet
from mininet.node import OVSBridge
from mininet.topo import SingleSwitchTopo
net = Mininet(SingleSwitchTopo(2), switch=OVSBridge, link=TCLink, controller=None, build=False)
net.topo.addLink("h1", "h2", port1=5, port2=5, delay="10ms", bw=100)
net.build()
net.start()
h1, h2 = net.get("h1", "h2")
h1.cmd("ip addr add 10.1.0.1/24 dev h1-eth5")
h2.cmd("ip addr add 10.1.0.2/24 dev h2-eth5")
h1.cmd("ping -c 1 10.1.0.2")
print(h1.cmd("ping -c 5 -i 0.2 10.1.0.2"))
net.stop()
"""


@contextlib.contextmanager
def busy_machine() -> Iterator[None]:
    loop = [sys.executable, "-c", "while True: pass"]
    load = [subprocess.Popen(loop) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        yield
    finally:
        for process in load:
            process.kill()
            process.wait()


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["true"], 0),
        (["sh", "-c", "exit 123"], 123),
        (["sh", "-c", "kill -TERM $$"], 128 + 15),
        (["sh", "-c", "kill -KILL $$"], 128 + 9),
        (["there-is-no-such-program"], 127),
    ],
)
def test_the_exit_status_is_the_commands(
    in_guest: Callable[..., Outcome], command: list[str], status: int
) -> None:
    outcome = in_guest(*command)
    assert outcome.result.exit_status == status
    assert outcome.stdout == b""
    assert (outcome.stderr == b"") == (status != 127)


def test_arguments_streams_folder_and_environment_arrive_exactly(
    in_guest: Callable[..., Outcome], tmp_path: Path
) -> None:
    folder = tmp_path / "a folder, with commas"
    folder.mkdir()
    program = (
        "import os, sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(data[::-1]);"
        "sys.stderr.buffer.write(repr([sys.argv[1:], os.getcwd(), os.environ['X']]).encode())"
    )
    data = bytes(range(256)) * 1000
    words = ["", "a b", "$(reboot)", "'\"", "-n", "x=1", "ü\n"]
    command = [sys.executable, "-c", program, *words]
    outcome = in_guest(*command, stdin=data, cwd=folder, env={"X": "one\ntwo"})
    assert outcome.stdout == data[::-1]
    assert outcome.stderr.decode() == repr([words, str(folder), "one\ntwo"])


def test_much_output_arrives_whole_and_frees_its_space(in_guest: Callable[..., Outcome]) -> None:
    outcome = in_guest("head", "-c", "100000000", "/dev/zero", memory_mb=512)
    assert hashlib.sha256(outcome.stdout).digest() == hashlib.sha256(bytes(10**8)).digest()


def test_a_slow_reader_holds_the_guest_and_changes_nothing(kernel: GuestKernel) -> None:
    read, write = os.pipe()
    settings = GuestSettings(openvswitch=False, memory_mb=512)
    program = "head -c 200000000 /dev/zero; cat /proc/uptime >&2"
    errors = io.BytesIO()
    with open(write, "wb") as sink, open(read, "rb") as source:
        command = ["sh", "-c", program]
        with Guest(command, kernel=kernel, settings=settings, stdout=sink, stderr=errors) as guest:
            assert guest.wait(timeout_s=3) is None
            stdout = guest._share.folder / "stdout"
            assert 64 << 20 < stdout.stat().st_size < 150 << 20
            drain = threading.Thread(target=lambda: source.read(200_000_000))
            drain.start()
            result = guest.wait(timeout_s=60)
            drain.join()
    assert result is not None
    assert result.exit_status == 0
    assert errors.getvalue() == b"0.00 0.00\n"


def test_only_the_out_folder_comes_back(in_guest: Callable[..., Outcome], tmp_path: Path) -> None:
    kept, lost = tmp_path / "kept, here", tmp_path / "lost"
    lost.mkdir()
    (lost / "file").write_text("as it was")
    script = (
        f'cd "{lost}" && echo changed >file && mkdir new && rm -rf "{PROJECT}/guest" /etc/passwd'
        ' && echo one >"$FIBERCUT_OUT/one" && ln -s one "$FIBERCUT_OUT/two"'
    )
    outcome = in_guest("sh", "-c", script, out_dir=kept)
    assert outcome.result.exit_status == 0, outcome.stderr
    assert [(path.name, path.read_text()) for path in lost.iterdir()] == [("file", "as it was")]
    assert (PROJECT / "guest" / "session.sh").exists()
    assert Path("/etc/passwd").exists()
    assert (kept / "one").read_text() == "one\n"
    assert (kept / "two").is_symlink()
    assert (kept / "one").stat().st_uid == os.getuid()
    assert outcome.result.log == kept / "guest.log"
    assert "Linux version" in (kept / "guest.log").read_text()


def test_a_seed_is_a_replay_on_an_idle_and_on_a_loaded_machine(
    in_guest: Callable[..., Outcome], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", REPLAY]
    idle = in_guest(*command, seed=7, openvswitch=True)
    assert idle.result.exit_status == 0, idle.stderr
    with busy_machine():
        loaded = in_guest(*command, seed=7, openvswitch=True, out_dir=tmp_path)
    other = in_guest(*command, seed=8, openvswitch=True)
    assert loaded.stdout == idle.stdout
    assert loaded.result.virtual_s == idle.result.virtual_s
    same = [a == b for a, b in zip(json.loads(idle.stdout), json.loads(other.stdout), strict=True)]
    assert same[:7] == [False] * 7


def test_mininet_pings_over_10_ms_exactly(in_guest: Callable[..., Outcome]) -> None:
    outcome = in_guest(sys.executable, "-c", MININET, openvswitch=True)
    [*_, summary] = [line for line in outcome.stdout.decode().splitlines() if "rtt" in line]
    minimum, average, maximum, _ = (float(x) for x in summary.split("=")[1].split()[0].split("/"))
    assert 20.0 <= minimum <= average <= maximum <= 20.1


def test_the_real_clock_has_open_vswitch_at_once(in_guest: Callable[..., Outcome]) -> None:
    script = (
        "ovs-vsctl add-br s1 && for i in 1 2; do ip netns add n$i &&"
        " ip link add v$i type veth peer name e0 netns n$i && ip link set v$i up &&"
        " ovs-vsctl add-port s1 v$i && ip -n n$i link set e0 up &&"
        " ip -n n$i addr add 10.0.0.$i/24 dev e0 || exit 1; done;"
        " ip netns exec n1 ping -c 3 -i 0.1 -W 5 10.0.0.2"
    )
    started_s = time.monotonic()
    outcome = in_guest("sh", "-c", script, clock="real", openvswitch=True)
    assert outcome.result.exit_status == 0, outcome.stdout
    assert time.monotonic() - started_s < 10


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_owns_the_results(kernel: GuestKernel, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(kernel.path.parent, home / "kernel")
    for path in (home, *home.rglob("*")):
        os.chown(path, 54321, 54321)
    for folder in (home, *home.parents):
        if folder.stat().st_uid == 0 and folder.stat().st_mode & 0o5 != 0o5:
            folder.chmod(folder.stat().st_mode | 0o5)
    program = (
        "import sys; from pathlib import Path; from guest import *; home = Path(sys.argv[1]);"
        f"kernel = GuestKernel(home / 'kernel/linux', '', '', '', {kernel.clock_address}, 1.0, '');"
        "script = 'ovs-vsctl add-br s1 && id -u && touch $FIBERCUT_OUT/made /etc/made';"
        "result = run(['sh', '-c', script], kernel=kernel, out_dir=home / 'out');"
        "sys.exit(result.exit_status)"
    )
    drop = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"]
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    command = [*drop, sys.executable, "-B", "-c", program, str(home)]
    result = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, "0\n"), result.stderr
    assert (home / "out" / "made").stat().st_uid == 54321
    assert sorted(path.name for path in home.iterdir()) == [".cache", "kernel", "out"]


def test_two_guests_side_by_side(
    kernel: GuestKernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Which cores are taken stands in the cache: in one of their own no other guest is about.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    settings = GuestSettings(openvswitch=False, wall_limit_s=60)
    command = ["sh", "-c", "sleep 100; taskset -p 1"]
    first, second = io.BytesIO(), io.BytesIO()
    with (
        Guest(command, kernel=kernel, settings=settings, stdout=first) as one,
        Guest(command, kernel=kernel, settings=settings, stdout=second) as two,
    ):
        cores = [os.sched_getaffinity(guest._process._pid) for guest in (one, two)]
        for guest in (one, two):
            result = guest.wait()
            assert result is not None
            assert result.exit_status == 0
            assert 100 <= result.virtual_s < 100.1
    assert all(len(core) == 1 for core in cores)
    assert cores[0] != cores[1] or len(os.sched_getaffinity(0)) == 1
    assert first.getvalue() == second.getvalue()
