"""Fibercut's topologies as Mininet's own `Topo`, before anything is built."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from mininet.topo import Topo
from mininet.util import buildTopo

from tests.unit.topology_samples import checked, triangle
from topologies import mn
from topologies.load import load_topology
from topologies.plan import make_plan
from topologies.problems import InputError


def build(words: str) -> Topo:
    return buildTopo(mn.topos, words)


def test_a_catalogue_topology_has_the_plans_switches_hosts_and_links() -> None:
    topo = build("ai-backbone")
    plan = make_plan(load_topology("ai-backbone"))
    assert set(topo.switches()) == {switch.name for switch in plan.switches}
    assert set(topo.hosts()) == {host.name for host in plan.hosts}
    assert len(topo.links()) == len(plan.spans) + len(plan.hosts)


def test_links_have_the_plans_delay_and_a_rate_that_mininet_takes() -> None:
    topo = build("ai-backbone")
    span = next(
        s for s in make_plan(load_topology("ai-backbone")).spans if s.id == "newyork-london"
    )
    [info] = [i for _, _, i in topo.links(withInfo=True) if span.a.interface in i.values()]
    assert info["delay"] == f"{span.delay_us:.3f}us"
    assert info["bw"] == 800
    # 20 ms of buffer and 30.38 ms of propagation, in frames of 1,514 bytes.
    assert info["max_queue_size"] == pytest.approx(800e6 * 50.38e-3 / 12112, rel=0.001)


def test_names_of_interfaces_fit() -> None:
    for name in ("ai-backbone", "dragonfly,a=4,h=2"):
        for _, _, info in build(name).links(withInfo=True):
            assert len(info["intfName1"]) <= 15
            assert len(info["intfName2"]) <= 15


def test_formulas_take_their_parameters_as_mininet_writes_them() -> None:
    topo = build("torus,3,4,hosts=2")
    assert (len(topo.switches()), len(topo.hosts())) == (12, 24)
    assert len(build("ring,n=8,rate_gbps=1").switches()) == 8


def test_any_topology_goes_by_its_name() -> None:
    assert len(build("fibercut,topozoo/AttMpls,scale=1000").switches()) == 25


@pytest.mark.parametrize(("rate_gbps", "scale"), [(0.5, 1), (1, 1), (1.5, 10), (800, 1000)])
def test_the_scale_is_the_smallest_that_fits(rate_gbps: float, scale: float) -> None:
    data = triangle()
    for site in data["sites"]:
        site["hosts"] = [{"role": "host", "rate_gbps": rate_gbps}]
    for span in data["spans"]:
        span["rate_gbps"] = rate_gbps
    assert mn.fitting_scale(checked(data)) == scale


def test_a_rate_that_mininet_would_ignore_is_refused() -> None:
    with pytest.raises(ValueError, match="use scale=1000 or more"):
        build("ai-backbone,scale=100")
    with pytest.raises(InputError, match="n must be"):
        build("ring,2")


def test_the_file_finds_its_packages_by_itself(tmp_path: Path) -> None:
    """mn is the system's Python, started anywhere."""
    runs_it = (
        f"customs = {{}}; name = {mn.__file__!r}; "
        "exec(compile(open(name).read(), name, 'exec'), customs, customs); "
        "print(len(customs['topos']['ring'](8).switches()))"
    )
    command = ["/usr/bin/python3", "-c", runs_it]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "8\n"), done.stderr
    assert sys.executable != "/usr/bin/python3"
