"""The command line as its user meets it: near misses, answers for programs, silence, completion."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.cli.ending import ended
from experiments.cli.main import COMMANDS, cli

# They hand over to another program, whose output is not theirs.
WITHOUT_JSON = {"completion", "controller", "exec", "live", "schema", "shell", "test"}
NOT_CLOSE = "qqqqqq"


def run(*words: str) -> int:
    return ended(lambda: cli.main(list(words), "fibercut", standalone_mode=False))


def completed(monkeypatch: pytest.MonkeyPatch, line: str, shell: str = "bash") -> None:
    words = line.split(" ")
    monkeypatch.setenv("_FIBERCUT_COMPLETE", f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1) if shell == "bash" else words[-1])
    with pytest.raises(SystemExit):
        run()


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["lst"], "'list'"),
        (["controller", "path"], "'paths'"),
        (["run", "--trial", "3", "fiber-cut"], "'--trials'"),
        (["run", "fiber-cut", "--clock", "virtul"], "'virtual'"),
        (["shell", "--policy", "fastreroute"], "'fast-reroute'"),
        (["run", "fibre-cut"], "'fiber-cut'"),
        (["run", "fiber-cut", "--policy", "restoraton"], "'restoration'"),
        (["study", "polices"], "'policies'"),
        (["topology", "hybird"], "'hybrid'"),
        (["topology", "rng:8"], "'ring'"),
        (["schema", "scenari"], "'scenario'"),
        (["coverage", "hybrid", "--protection", "nod"], "'node'"),
    ],
)
def test_a_near_miss_is_told_what_was_meant(
    words: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    told = capsys.readouterr()
    assert f"id you mean {meant}" in told.err
    assert told.out == ""


@pytest.mark.parametrize("words", [[NOT_CLOSE], ["schema", NOT_CLOSE], ["run", NOT_CLOSE]])
def test_what_is_far_from_everything_gets_no_guess(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    assert "id you mean" not in capsys.readouterr().err


def test_a_text_is_no_integer(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("run", "fiber-cut", "--seed", "x") == 2
    assert "'x' is not a valid integer" in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in WITHOUT_JSON])
def test_every_command_with_an_answer_gives_it_to_programs(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(name, "--help") == 0
    assert "--json" in capsys.readouterr().out


def test_help_documents_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    told = capsys.readouterr().out
    assert all(f"\n    {status} " in told for status in (0, 1, 2, 130))


def test_a_map_is_told_to_programs_and_to_people(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ring.svg"
    assert run("map", "ring:4", "--out", str(file), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"file": str(file), "topology": "ring:4", "sites": 4, "spans": 4}
    assert run("map", "ring:4", "--out", str(file), "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_a_study_is_counted_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("study", "policies", "--check", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["valid"] is True
    assert told["trials"] == told["points"] * told["policies"] * told["seeds"]


def test_quiet_leaves_notes_out_and_keeps_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("topology", "topozoo/AttMpls") == 0
    loud = capsys.readouterr()
    assert run("topology", "topozoo/AttMpls", "--quiet") == 0
    quiet = capsys.readouterr()
    assert loud.err.startswith("note: ")
    assert (quiet.out, quiet.err) == (loud.out, "")


def test_quiet_never_hides_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("validate", "nothere.yaml", "--quiet") == 2
    assert "nothere.yaml" in capsys.readouterr().err


def test_no_colours_but_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("fibercut val", "plain,validate"),
        ("fibercut run fib", "plain,fiber-cut"),
        ("fibercut run --policy path", "plain,path-protection"),
        ("fibercut study det", "plain,detection-sweep"),
        ("fibercut map ai", "plain,ai-backbone"),
        ("fibercut topology ring", "plain,ring:8"),
        ("fibercut lint my", "file,my"),
        ("fibercut exec --clock v", "plain,virtual"),
    ],
)
def test_the_shell_completes_names(
    line: str, offered: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    completed(monkeypatch, line)
    assert offered in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_of_its_own(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("completion", shell) == 0
    script = capsys.readouterr().out
    assert f"_FIBERCUT_COMPLETE={shell}_complete" in script
