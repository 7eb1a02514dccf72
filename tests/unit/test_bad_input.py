"""Every bad file under tests/data/bad-input gets exactly the messages beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.scenario_load import load_scenario
from topologies.load import load_topology
from topologies.problems import InputError

FILES = Path(__file__).parent.parent / "data" / "bad-input"


def bad_files() -> list[Path]:
    """Everything but the messages; SNDlib's native files are .native.txt."""
    files = sorted(file for file in FILES.iterdir() if file.name != "studies")
    return [file for file in files if file.suffix != ".txt" or ".native" in file.suffixes]


def messages(file: Path) -> str:
    """What is said about a bad file, with its folder left out."""
    load = load_scenario if file.name.startswith("scenario-") else load_topology
    with pytest.raises(InputError) as caught:
        load(str(file))
    return str(caught.value).replace(f"{FILES}/", "") + "\n"


@pytest.mark.parametrize("file", bad_files(), ids=lambda file: file.name)
def test_messages_of_bad_file(file: Path) -> None:
    expected = FILES / f"{file.name.partition('.')[0]}.txt"
    assert messages(file) == expected.read_text(encoding="utf-8")


def test_there_are_many_and_each_message_has_its_file() -> None:
    names = {file.name.partition(".")[0] for file in bad_files()}
    assert len(names) == len(bad_files()) >= 90
    assert {file.stem for file in FILES.glob("*.txt") if ".native" not in file.suffixes} == names
