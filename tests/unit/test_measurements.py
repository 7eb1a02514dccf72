"""What a trial measured, as tables: nothing lost on the way, nothing half-written."""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv, parquet

from experiments.cli.ending import ended
from experiments.cli.export import export as export_command
from experiments.events import read_events
from experiments.measurements.catalogue import PROBES, REQUESTS, STEPS, Log
from experiments.measurements.converting import convert
from experiments.measurements.digest import file_digest
from experiments.measurements.reading import arrivals, records
from experiments.measurements.runs import open_run
from experiments.run_folder import PARTIAL, TrialFolder, new_run_folder
from tests.unit.run_folders import (
    REQUEST,
    START_NS,
    STEP,
    make_run,
    make_trial,
    raw_trial,
    write_lines,
    write_probe,
)
from topologies.problems import InputError

ROOT = Path(__file__).resolve().parent.parent.parent


def test_logs_become_tables_whose_times_count_from_the_start(tmp_path: Path) -> None:
    convert(raw_trial(tmp_path), tmp_path, START_NS)
    assert arrivals(tmp_path, "p", 46).tolist() == [[0, 0, 50], [2, 20, 69], [1, 10, 70]]
    assert arrivals(tmp_path, "p", 0).shape == arrivals(tmp_path, "other", 46).shape == (0, 3)
    [step] = records(tmp_path, STEPS, "t")
    assert (step.start_ns, step.compute_ns, step.end_ns, step.busbw_mbps) == (5, 2, 9, None)
    [request] = records(tmp_path, REQUESTS, "chat")
    assert (request.due_ns, request.sent_ns, request.end_ns) == (1, None, 4)
    assert (request.reason, request.failures) == (REQUEST["reason"], REQUEST["failures"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "probes.parquet", "requests.parquet", "steps.parquet"
    ]  # fmt: skip


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(0, 2**40), st.integers(-(2**60), 2**60), st.integers(0, 2**60)),
        max_size=40,
    ),
    st.integers(0, 23),
)
def test_every_whole_row_comes_back_in_its_order(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, int]], cut_short: int
) -> None:
    folder = tmp_path_factory.mktemp("samples")
    write_probe(folder / "p", rows)
    with (folder / "p" / "received.i64x3").open("ab") as file:
        file.write(bytes(cut_short))
    convert([("p", folder / "p", Log("received.i64x3", PROBES, {"class": 0}))], folder, START_NS)
    assert arrivals(folder, "p", 0).tolist() == [list(row) for row in rows]


def test_a_log_larger_than_a_piece_is_streamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.measurements.converting.ROWS_AT_ONCE", 7)
    rows = [(n, n, n + 1) for n in range(50)]
    write_probe(tmp_path / "p", rows)
    write_lines(tmp_path / "t" / "rank-0.jsonl", *(STEP | {"step": n} for n in range(50)))
    sources = [
        ("p", tmp_path / "p", Log("received.i64x3", PROBES, {"class": 0})),
        ("t", tmp_path / "t", Log("rank-0.jsonl", STEPS)),
    ]
    convert(sources, tmp_path, START_NS)
    assert arrivals(tmp_path, "p", 0).tolist() == [list(row) for row in rows]
    assert [step.step for step in records(tmp_path, STEPS, "t")] == list(range(50))


@pytest.mark.parametrize(
    ("line", "said"),
    [("{", "rank-0.jsonl:2: not a line of JSON"), ('{"a": 1}', "not a log of this kind")],
)
def test_a_damaged_log_is_named_and_all_logs_stay(tmp_path: Path, line: str, said: str) -> None:
    sources = raw_trial(tmp_path)
    log = tmp_path / "t" / "rank-0.jsonl"
    log.write_text(f"{log.read_text()}{line}\n")
    with pytest.raises(ValueError, match=said):
        convert(sources, tmp_path, START_NS)
    assert all((place / log.file).exists() for _, place, log in sources)
    assert not list(tmp_path.glob(".*"))


def test_a_full_disk_leaves_the_logs_and_no_half_table(tmp_path: Path) -> None:
    random = np.random.default_rng(1).integers(0, 2**60, size=(20_000, 3))
    write_probe(tmp_path / "p", random)
    script = (
        "import sys; from pathlib import Path\n"
        "from experiments.disk import is_full\n"
        "from experiments.measurements.catalogue import PROBES, Log\n"
        "from experiments.measurements.converting import convert\n"
        "folder = Path(sys.argv[1])\n"
        "log = Log('received.i64x3', PROBES, {'class': 0})\n"
        "try: convert([('p', folder / 'p', log)], folder, 0)\n"
        "except OSError as error: sys.exit(7 if is_full(error) else 8)\n"
    )
    limit = 100_000
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    assert done.returncode == 7
    assert [path.name for path in tmp_path.iterdir()] == ["p"]
    assert (tmp_path / "p" / "received.i64x3").stat().st_size == 24 * 20_000


def test_the_digest_is_of_the_values_and_can_be_computed_by_hand(tmp_path: Path) -> None:
    table = pa.table({"n": [1, 2, 3], "word": ["a", None, 'b"c']})
    one, other = tmp_path / "one.parquet", tmp_path / "other.parquet"
    parquet.write_table(table, one)
    parquet.write_table(table, other, row_group_size=1, compression="gzip", version="1.0")
    assert one.read_bytes() != other.read_bytes()
    text = 'n,word\n1,"a"\n2,\n3,"b""c"\n'
    assert file_digest(one) == file_digest(other) == hashlib.sha256(text.encode()).hexdigest()
    parquet.write_table(table.set_column(0, "n", pa.array([1, 2, 4])), other)
    assert file_digest(one) != file_digest(other)


def test_a_run_is_read_and_exported_as_one_table_each(tmp_path: Path) -> None:
    run = make_run(tmp_path, "none", "restoration")
    found = open_run(run)
    probes = found.table("probes")
    assert probes.column_names[:4] == ["policy", "seed", "workload", "class"]
    assert probes["policy"].to_pylist() == ["none"] * 3 + ["restoration"] * 3
    [cut] = read_events(run / "trials" / "none-seed1" / "events.parquet")
    assert (cut["t_ns"], cut["done_ns"], cut["spans"]) == (30, 31, ["ab"])
    with pytest.raises(InputError, match="has no table 'x'; it has events, probes, requests"):
        found.table("x")
    assert status_of(run, "--csv", str(tmp_path / "csv"), "--parquet", str(tmp_path / "pq")) == 0
    for form, read in (("csv", csv.read_csv), ("pq", parquet.read_table)):
        files = sorted((tmp_path / form).iterdir())
        assert [file.stem for file in files] == [
            "events", "figures", "probes", "requests", "steps"
        ]  # fmt: skip
        assert read(files[2]).to_pylist() == probes.to_pylist()
        figures = read(files[1]).to_pylist()
        assert [(one["policy"], one["figure"], one["value"]) for one in figures] == [
            ("none", "probes.p.total.lost", 2), ("restoration", "probes.p.total.lost", 2)
        ]  # fmt: skip


def status_of(run: Path, *arguments: str) -> int:
    return ended(lambda: export_command.main([str(run), *arguments], standalone_mode=False))


def test_what_is_no_whole_run_of_this_version_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path, "none")

    def refused(folder: Path = run) -> str:
        assert status_of(folder, "--csv", str(tmp_path / "csv")) == 2
        assert not (tmp_path / "csv").exists()
        return capsys.readouterr().err

    assert "no such folder" in refused(tmp_path / "nowhere")
    assert "is no run's folder" in refused(tmp_path)
    table = run / "trials" / "none-seed1" / "samples" / "probes.parquet"
    whole = table.read_bytes()
    table.write_bytes(whole[:-9])
    assert f"{table}: cannot be read" in refused()
    table.write_bytes(whole)
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps(summary | {"schema_version": 1}))
    assert f"{run}: has schema_version 1, and this Fibercut reads 2" in refused()
    (run / "summary.json").write_text("{")
    assert "its summary.json is damaged" in refused()
    assert status_of(run) == 2


def test_a_run_that_is_being_made_or_was_killed_is_told_apart(tmp_path: Path) -> None:
    folder = new_run_folder(tmp_path, "x")
    make_trial(folder, "none")
    folder.new_trial("restoration", 1)
    with pytest.raises(InputError, match="another run is writing here"):
        open_run(folder.path)
    folder.close()  # as a kill does it
    with pytest.raises(InputError, match=r"did not end.* whole are its trials none-seed1"):
        open_run(folder.path)
    assert folder.path.name.endswith(PARTIAL)


def test_giving_up_keeps_the_whole_trials_only(tmp_path: Path) -> None:
    folder = new_run_folder(tmp_path, "x")
    trial = make_trial(folder, "none")
    folder.new_trial("restoration", 1)
    assert folder.give_up() == 1
    assert [path.name for path in (folder.path / "trials").iterdir()] == [trial.path.name]
    empty = new_run_folder(tmp_path, "x")
    empty.new_trial("none", 1)
    assert empty.give_up() == 0
    assert not empty.path.exists()


def test_a_trials_digest_is_that_of_its_tables(tmp_path: Path) -> None:
    digests = set()
    for name, late in (("a", 0), ("b", 0), ("c", 1)):
        write_probe(tmp_path / name / "samples" / "p", [(0, 0, 50 + late)])
        log = Log("received.i64x3", PROBES, {"class": 0})
        samples = tmp_path / name / "samples"
        convert([("p", samples / "p", log)], samples, START_NS)
        digests.add(TrialFolder(tmp_path / name).digest())
    assert len(digests) == 2
