"""What is written down loads as the same again, and the published schemas are today's."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings

from experiments.scenario_load import shipped_scenarios
from experiments.schemas import SCHEMAS, schema_text
from tests.unit.topology_samples import checked, topologies, with_fabric
from topologies.files import parse_document, plain, read_document
from topologies.load import CATALOGUE, catalogue_names, load_topology, topology_from
from topologies.spec import Topology
from topologies.write import Format, topology_text

PUBLISHED = Path(__file__).parents[2] / "docs" / "schema"
DATA = Path(__file__).parents[1] / "data"


@settings(max_examples=20, deadline=None)
@given(topologies(most_sites=30))
def test_any_topology_survives_being_written(topology: Topology) -> None:
    for form in ("yaml", "json"):
        assert topology_from(parse_document("t", topology_text(topology, form))) == topology


@pytest.mark.parametrize("form", ["yaml", "json"])
@pytest.mark.parametrize("name", catalogue_names())
def test_the_catalogue_survives_being_written(name: str, form: Format) -> None:
    topology = load_topology(name)
    assert topology_from(parse_document(name, topology_text(topology, form))) == topology


def test_all_fields_survive_being_written() -> None:
    data = with_fabric(placement="rail", cable_m=10)
    data["sites"][0] |= {
        "operator": "us", "region": "north", "jurisdiction": "US-WA",
        "power_price_usd_per_mwh": -3.5, "carbon_g_per_kwh": 20,
    }  # fmt: skip
    data["spans"][0] |= {
        "transceiver": "800zr+", "amplifiers": 3, "base_loss": 0.001, "delay_us": 500,
        "delay_back_us": 600, "conduits": ["x"], "fibre": "hcf", "route_factor": 1.1,
    }  # fmt: skip
    data["demands"] = [{"a": "a", "b": "c", "rate_gbps": 0.5}]
    topology = checked(data)
    assert topology_from(parse_document("t", topology_text(topology))) == topology
    assert "gpu" in topology_text(topology)


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_the_published_schema_is_current(kind: str) -> None:
    """If not: ./fibercut schema KIND > docs/schema/KIND.schema.json."""
    published = (PUBLISHED / f"{kind}.schema.json").read_text(encoding="utf-8")
    assert published == schema_text(kind)


def test_the_schemas_accept_what_is_shipped_and_refuse_what_is_wrong() -> None:
    files = {
        "topology": [CATALOGUE / f"{name}.yaml" for name in catalogue_names()],
        "scenario": list(shipped_scenarios().values()),
    }
    for kind, paths in files.items():
        validator = jsonschema.Draft202012Validator(json.loads(schema_text(kind)))
        for path in paths:
            validator.validate(plain(read_document(path).data))
        wrong = DATA / "bad-input" / f"{kind}-unknown-field.yaml"
        assert list(validator.iter_errors(plain(read_document(wrong).data)))
