"""Lint tells each weakness at its place with its figures, and nothing about a sound network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from experiments.cli.lint import lint_
from tests.unit.topology_samples import checked, topologies, triangle
from topologies.lint import CODES, LintSettings, lint
from topologies.load import load_topology
from topologies.optics import OPTICS
from topologies.problems import InputError
from topologies.spec import Topology, Transceiver

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "lint.md"
Change = Callable[[dict[str, Any]], object]


def sound() -> dict[str, Any]:
    """A ring of three sites, about 111 km apart along the equator, of which nothing is told."""
    data = triangle()
    for span, km in zip(data["spans"], (120, 125, 240), strict=True):
        span.update(length_km=km, rate_gbps=1000)
    return data


def codes(topology: Topology, **of_settings: Any) -> list[str]:
    return [finding.code for finding in lint(topology, LintSettings(**of_settings))]


def span(number: int, **fields: Any) -> Change:
    return lambda data: data["spans"][number].update(fields)


def site(number: int, **fields: Any) -> Change:
    return lambda data: data["sites"][number].update(fields)


def network(**fields: Any) -> Change:
    return lambda data: data.update(fields)


def test_nothing_is_told_about_a_sound_network() -> None:
    assert lint(checked(sound())) == []


SINGLE = [
    ("FC104", span(0, conduits=["x"]), "the conduit x holds only the span ab"),
    (
        "FC201",
        span(2, transceiver="800zr+", rate_gbps=800),
        "no amplifier sites: stretches of 240 km",
    ),
    ("FC202", span(1, transceiver="400zr", rate_gbps=400), "bc is 125 km long and 400zr reaches"),
    ("FC203", span(1, length_km=119, transceiver="400zr", rate_gbps=400), "reaches 80 to 120 km"),
    (
        "FC204",
        span(0, transceiver="800zr+", amplifiers=1),
        "1000 Gbit/s and one 800zr+ carries 800",
    ),
    ("FC206", span(1, transceiver="subsea", fibre="hcf"), "hollow-core"),
    ("FC207", span(0, transceiver="400zr", rate_gbps=400, amplifiers=1), "1 amplifier sites"),
    ("FC211", span(0, delay_us=400), "a delay of 400 µs and light in smf needs 588 µs for 120 km"),
    ("FC211", span(0, delay_back_us=400, delay_us=588), "a delay of 400 µs"),
    ("FC212", span(1, delay_us=5000), "8.2 times the 612 µs of its 125 km of smf"),
    ("FC213", span(2, delay_back_us=1300), "1,176 µs from c to a and 1,300 µs back"),
    ("FC214", span(2, length_km=150), "ca is 150 km long and its ends are 222 km apart"),
    ("FC215", span(0, length_km=700), "ab is 700 km long and its ends are 111 km apart"),
    ("FC301", site(0, hosts=[{"role": "gpu", "count": 6}]), "2,400 Gbit/s and its 2 spans carry"),
    ("FC303", site(1, fabric={"kind": "leaf-spine", "leaves": 1, "spines": 1}), "its fabric 800"),
    ("FC304", network(demands=[{"a": "a", "b": "b", "rate_gbps": 1500}]), "from a to b, 150% of"),
    ("FC501", site(1, lon_deg=0.0), "a, b stand at the same place"),
    ("FC502", site(1, jurisdiction="SE"), "a, c tell no jurisdiction, and 1 other sites do"),
]


@pytest.mark.parametrize(("code", "change", "told"), SINGLE, ids=[one[0] for one in SINGLE])
def test_one_weakness_is_told_once(code: str, change: Change, told: str) -> None:
    data = sound()
    change(data)
    findings = [f for f in lint(checked(data)) if not (code == "FC212" and f.code == "FC213")]
    wanted = [finding for finding in findings if finding.code == code]
    assert len(wanted) == 1
    assert told in wanted[0].reason
    others = {finding.code for finding in findings} - {code}
    # What is changed for one code may touch a neighbouring one.
    assert others <= {"FC203", "FC213", "FC214", "FC215"}


@pytest.mark.parametrize(
    ("code", "of_settings", "told"),
    [
        ("FC401", {"scale": 2e6}, "it has 0.5 Mbit/s at the scale 1:2e+06 (so are 2 more)"),
        ("FC402", {"scale": 1}, "it has 1e+06 Mbit/s"),
        ("FC403", {"bfd_interval_ms": 0.01}, "a packet of 1600 bytes is 0.129 ms on the wire"),
        ("FC404", {"bfd_interval_ms": 0.05}, "BFD every 0.05 ms takes 11% of its 100 Mbit/s"),
        ("FC405", {"bfd_interval_ms": 1, "bfd_multiplier": 1}, "its one-way delay is 1.18 ms"),
    ],
)
def test_scale_and_bfd_are_held_against_the_spans(
    code: str, of_settings: dict[str, Any], told: str
) -> None:
    findings = lint(checked(sound()), LintSettings(**of_settings))
    assert told in next(finding.reason for finding in findings if finding.code == code)


def test_a_leaf_that_its_spines_cannot_serve() -> None:
    data = sound()
    data["sites"][0]["hosts"] = [{"role": "gpu", "count": 4}]
    data["sites"][0]["fabric"] = {
        "kind": "leaf-spine", "leaves": 1, "spines": 2, "rate_gbps": 700,
    }  # fmt: skip
    findings = lint(checked(data))
    assert [f.code for f in findings] == ["FC302", "FC303"]
    assert "the leaf a-l1 can send 1,600 Gbit/s and its 2 links" in findings[0].reason


def test_very_long_spans_say_what_they_are() -> None:
    data = sound()
    data["sites"][2]["lon_deg"] = 40.0
    data["spans"][1]["length_km"] = data["spans"][2]["length_km"] = 5000
    assert codes(checked(data)) == ["FC205", "FC205"]
    for one in data["spans"][1:]:
        one.update(transceiver="long-haul", amplifiers=50)
    assert codes(checked(data)) == ["FC203", "FC203"]
    data["spans"][1].update(transceiver="subsea")
    assert codes(checked(data)) == ["FC203"]


def test_demands_are_added_up_along_shortest_paths() -> None:
    data = sound()
    # c to b is one span; c to a is shorter over b (245 km) than the direct way made long.
    data["spans"][2]["length_km"] = 280
    data["demands"] = [
        {"a": "c", "b": "a", "rate_gbps": 600}, {"a": "c", "b": "b", "rate_gbps": 500},
        {"a": "b", "b": "a", "rate_gbps": 300},
    ]  # fmt: skip
    (finding,) = lint(checked(data))
    assert finding.where == ("spans", 1, "rate_gbps")
    assert "1,100 Gbit/s on bc from c to b, 110%" in finding.reason


def test_a_tail_is_a_bridge_behind_an_articulation_point() -> None:
    data = sound()
    data["sites"] += [
        {"id": x, "name": x, "kind": "pop", "lat_deg": 1.0, "lon_deg": lon}
        for x, lon in (("d", 2.0), ("e", 3.0))
    ]
    data["spans"] += [
        {"id": "cd", "a": "c", "b": "d", "rate_gbps": 1000},
        {"id": "de", "a": "d", "b": "e", "rate_gbps": 1000},
    ]
    told = {(f.code, f.where): f.reason for f in lint(checked(data))}
    assert told == {
        ("FC101", ("spans", 3)): "cutting the span cd separates d, e from a, b, c",
        ("FC101", ("spans", 4)): "cutting the span de separates e from the other 4 sites "
        "(a, b, c, …)",
        ("FC102", ("sites", 2)): "if the site c fails, it separates d, e from a, b",
        ("FC102", ("sites", 3)): "if the site d fails, it separates e from a, b, c",
    }
    data["spans"].append({"id": "cd2", "a": "d", "b": "c", "rate_gbps": 1000})
    data["spans"].append({"id": "ae", "a": "a", "b": "e", "rate_gbps": 1000})
    data["spans"][0]["conduits"] = data["spans"][2]["conduits"] = ["trench"]
    data["spans"][6]["conduits"] = ["trench"]
    (finding,) = lint(checked(data))
    assert finding.code == "FC103"
    assert finding.reason == (
        "cutting the conduit trench (ab, ca, ae) separates a from the other 4 sites (b, c, d, …)"
    )


@settings(max_examples=30, deadline=None)
@given(topologies(), st.data())
def test_what_separates_is_what_networkx_finds_by_trying(topology: Topology, data: Any) -> None:
    names = st.lists(st.sampled_from("xyz"), max_size=2, unique=True).map(tuple)
    spans = tuple(s.model_copy(update={"conduits": data.draw(names)}) for s in topology.spans[:30])
    keep = {end for s in spans for end in (s.a, s.b)} or {topology.sites[0].id}
    sites = tuple(s for s in topology.sites if s.id in keep)
    topology = topology.model_copy(update={"sites": sites, "spans": spans})
    graph: nx.MultiGraph[str] = nx.MultiGraph()
    graph.add_nodes_from(keep)
    for one in spans:
        graph.add_edge(one.a, one.b, key=one.id)
    if not nx.is_connected(graph):
        return

    def separates(gone: list[Any]) -> bool:
        rest = graph.copy()
        rest.remove_edges_from(gone)
        return not nx.is_connected(rest)

    def fails(name: str) -> bool:
        rest = graph.copy()
        rest.remove_node(name)
        return len(rest) > 0 and not nx.is_connected(rest)

    found: dict[str, set[str]] = {"FC101": set(), "FC102": set(), "FC103": set()}
    for finding in lint(topology):
        if finding.code in found:
            found[finding.code].add(finding.reason.split(" separates ")[0])
    assert found["FC101"] == {
        f"cutting the span {s.id}" for s in spans if separates([(s.a, s.b, s.id)])
    }
    assert found["FC102"] == {f"if the site {name} fails, it" for name in keep if fails(name)}
    shared = {n: m for n, m in topology.conduits().items() if len(m) > 1}
    cut = {n for n, m in shared.items() if separates([(s.a, s.b, s.id) for s in m])}
    assert {reason.split()[3] for reason in found["FC103"]} == cut


def test_the_shipped_topology_has_no_warning() -> None:
    advice = {code for code, (severity, _) in CODES.items() if severity.value == "advice"}
    assert set(codes(load_topology("ai-backbone"))) <= advice


def test_every_transceiver_has_its_data_and_each_code_its_paragraph() -> None:
    assert set(OPTICS) == set(Transceiver)
    for optics in OPTICS.values():
        assert 0 < optics.expected_km <= optics.most_km
        assert optics.source
    page = DOCS.read_text(encoding="utf-8")
    assert all(f"| `{code}` |" in page for code in CODES)
    assert {one[0] for one in SINGLE} | {"FC302", "FC205"} >= {
        code for code in CODES if code[2] in "25"
    } | {"FC104", "FC301", "FC303", "FC304"}


def written(folder: Path, name: str, data: dict[str, Any]) -> str:
    path = folder / name
    with path.open("w", encoding="utf-8") as file:
        YAML().dump(data, file)
    return str(path)


def test_the_command_tells_the_line_and_its_status(tmp_path: Path) -> None:
    data = sound()
    data["spans"][0]["delay_us"] = 400
    path = written(tmp_path, "net.yaml", data)
    line = 1 + Path(path).read_text(encoding="utf-8").splitlines().index("  delay_us: 400")
    done = CliRunner().invoke(lint_, [path], standalone_mode=False)
    assert done.return_value == 0
    assert f"{path}:{line}: spans[0].delay_us: FC211 warning: ab has a delay of" in done.output
    assert done.output.endswith("triangle: 1 warning, 0 of advice\n")
    strict = CliRunner().invoke(lint_, [path, "--strict"], standalone_mode=False)
    assert strict.return_value == 1
    ignored = CliRunner().invoke(
        lint_, [path, "--strict", "--ignore", "FC211"], standalone_mode=False
    )
    assert (ignored.return_value, ignored.output) == (0, "triangle: nothing found\n")


def test_a_scenario_brings_its_scale_and_bfd(tmp_path: Path) -> None:
    written(tmp_path, "net.yaml", sound())
    scenario = {
        "name": "s", "topology": "net.yaml", "scale": 2_000_000, "duration_s": 2,
        "bfd": {"interval_ms": 7},
        "workloads": [{"name": "p", "kind": "probe", "from": "a-gpu1", "to": "c-user1"}],
    }  # fmt: skip
    path = written(tmp_path, "scenario.yaml", scenario)
    done = CliRunner().invoke(lint_, [path, "--json"], standalone_mode=False)
    told = json.loads(done.output)
    assert (told["scale"], told["bfd_interval_ms"]) == (2e6, 7)
    assert told["findings"][0]["code"] == "FC401"
    assert told["findings"][0]["place"].startswith(f"{tmp_path / 'net.yaml'}:")
    own = CliRunner().invoke(lint_, [path, "--json", "--scale", "1000"], standalone_mode=False)
    assert json.loads(own.output)["findings"] == []


def test_bad_input_is_refused(tmp_path: Path) -> None:
    for argument in (["no-such"], [str(tmp_path / "no.yaml")], ["ai-backbone", "--ignore", "FC1"]):
        done = CliRunner().invoke(lint_, argument, standalone_mode=False)
        assert isinstance(done.exception, InputError)
