"""Every bad file under tests/data/bad-input gets exactly the messages beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.scenario_load import load_scenario
from topologies.load import load_topology
from topologies.problems import InputError

FILES = Path(__file__).parent.parent / "data" / "bad-input"


def messages(file: Path) -> str:
    """What is said about a bad file, with its folder left out."""
    load = load_topology if file.name.startswith("topology-") else load_scenario
    with pytest.raises(InputError) as caught:
        load(str(file))
    return str(caught.value).replace(f"{FILES}/", "") + "\n"


@pytest.mark.parametrize("file", sorted(FILES.glob("*.yaml")), ids=lambda file: file.stem)
def test_messages_of_bad_file(file: Path) -> None:
    assert messages(file) == file.with_suffix(".txt").read_text(encoding="utf-8")
