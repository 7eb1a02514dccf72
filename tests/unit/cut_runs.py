"""Whole run folders of a cut and its healing, made by the code that makes real ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from experiments.evaluate import evaluate
from experiments.events import merge_events
from experiments.measurements.catalogue import PROBES, REQUESTS, STEPS, Log
from experiments.measurements.converting import Source, convert
from experiments.report.read import TOPOLOGY_FILE
from experiments.run_folder import RunFolder, TrialFolder, new_run_folder, write_json
from experiments.runner import scenario_plan
from experiments.scenario_load import LoadedScenario, load_scenario
from experiments.summary import TrialOutcome, summarise
from experiments.trial_job import Job, TrialResult
from tests.unit.run_folders import REQUEST, START_NS, STEP, write_lines
from topologies.plan import NetworkPlan

CUT_S, MEND_S, DURATION_S = 2.0, 4.0, 6.0
SPANS = ("quincy-chicago", "seattle-chicago")
# When the ends of a cut span know of it, and how long the probe through it is out.
NOTICED_MS = 26.0
OUT_MS = {"fast-reroute": 38.0, "restoration": 61.0}
SCENARIO = """\
name: {name}
description: A conduit is cut and mended. </script><b>Markup</b> in a text is text.
topology: ai-backbone
policies: [{policies}]
warmup_s: 0.5
duration_s: {duration_s}
seed: {seed}
trials: {trials}
span_sample_ms: {sample_ms}
workloads:
  - {{name: probe-training, kind: probe, from: quincy-storage1, to: lulea-storage1, rate_pps: {pps}}}
  - {{name: probe-bystander, kind: probe, from: london-user1, to: edge-hoechst-inference1, rate_pps: {pps}}}
  - {{name: training, kind: allreduce, size_gb: 1, hosts: [quincy-gpu1, lulea-gpu1]}}
  - {{name: chat, kind: inference, users: [seattle-user1], server: edge-aurora-inference1, rate_rps: 10}}
faults:
  - {{kind: conduit-cut, conduit: northern-rail, at_s: 2, repair_at_s: 4, visibility: silent}}
"""  # noqa: E501


def make_cut_run(
    base: Path,
    policies: Sequence[str] = tuple(OUT_MS),
    *,
    name: str = "cut",
    seed: int = 1,
    trials: int = 1,
    pps: int = 1000,
    duration_s: float = DURATION_S,
    worse_ms: float = 0.0,
    spans: bool = True,
) -> Path:
    """A whole run. worse_ms: how much longer every outage is; spans: whether spans were sampled."""
    base.mkdir(parents=True, exist_ok=True)
    file = base / f"{name}.yaml"
    text = SCENARIO.format(
        name=name, policies=", ".join(policies), seed=seed, trials=trials, pps=pps,
        duration_s=duration_s, sample_ms=100 if spans else 0,
    )  # fmt: skip
    file.write_text(text, encoding="utf-8")
    loaded = load_scenario(str(file))
    folder = new_run_folder(base, name)
    topology = loaded.topology.model_dump(mode="json", by_alias=True)
    write_json(folder.path / TOPOLOGY_FILE, topology)
    (folder.path / "scenario.yaml").write_text(text, encoding="utf-8")
    plan = scenario_plan(loaded)
    outcomes = [
        _trial(folder, loaded, plan, policy, one, OUT_MS[policy] + worse_ms + one % 3, spans)
        for one in loaded.scenario.seeds
        for policy in policies
    ]
    write_json(folder.path / "summary.json", summarise(loaded, outcomes, 1.0, {}))
    return folder.finish()


def _trial(
    folder: RunFolder,
    loaded: LoadedScenario,
    plan: NetworkPlan,
    policy: str,
    seed: int,
    out_ms: float,
    spans: bool,
) -> TrialOutcome:
    trial = folder.new_trial(policy, seed)
    job = Job(plan=plan, scenario=loaded.scenario, policy=policy, seed=seed)
    (trial.path / "job.json").write_text(job.model_dump_json(by_alias=True), encoding="utf-8")
    duration_s = loaded.scenario.duration_s
    convert(list(_logs(trial, job, out_ms)), trial.samples, START_NS)
    if spans:
        parquet.write_table(span_samples(plan, duration_s), trial.samples / "spans.parquet")
    write_lines(trial.path / "controller-events.jsonl", *_controller_events(plan, policy))
    result = TrialResult(
        status="ok", reason=None, start_ns=START_NS, end_ns=START_NS + 10**10,
        faults=(_step("cut", CUT_S), _step("mend", MEND_S)),
    )  # fmt: skip
    write_json(trial.path / "trial.json", result.model_dump(mode="json"))
    merge_events(trial, result)
    figures = evaluate(trial, job, result)
    digest = trial.digest()
    trial.finish()
    return TrialOutcome(policy, seed, "ok", None, figures, digest, duration_s + 15, 1.0)


def _step(name: str, at_s: float) -> dict[str, Any]:
    at_ns = START_NS + round(at_s * 1e9)
    return {"step": name, "fault": 0, "spans": SPANS, "t_ns": at_ns, "done_ns": at_ns + 1000}


def _logs(trial: TrialFolder, job: Job, out_ms: float) -> Iterator[Source]:
    samples, scenario = trial.samples, job.scenario
    for workload, lost_ms in (("probe-training", out_ms), ("probe-bystander", 0.0)):
        pps = next(getattr(w, "rate_pps", 0) for w in scenario.workloads if w.name == workload)
        write_arrivals(samples / workload, pps, scenario.duration_s, lost_ms)
        yield workload, samples / workload, Log("received.i64x3", PROBES, {"class": 0})
    steps = [_train(number, out_ms) for number in range(int(scenario.duration_s) * 2)]
    write_lines(samples / "training" / "rank-0.jsonl", *steps)
    yield "training", samples / "training", Log("rank-0.jsonl", STEPS)
    requests = [_ask(number, out_ms) for number in range(int(scenario.duration_s) * 10)]
    write_lines(samples / "chat" / "seattle-user1.jsonl", *requests)
    write_json(samples / "chat" / "server-edge-aurora-inference1.json", {"requests": 60})
    prepared = trial.prepared("chat")
    prepared.mkdir(parents=True)
    write_json(prepared / "placement.json", {"seattle-user1": ["edge-aurora-inference1"]})
    yield "chat", samples / "chat", Log(
        "seattle-user1.jsonl", REQUESTS, {"user": "seattle-user1"}
    )  # fmt: skip


def write_arrivals(folder: Path, pps: int, duration_s: float, lost_ms: float) -> None:
    """A probe's record: what was due in the time `lost_ms` around the cut is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    number = np.arange(round(pps * duration_s), dtype=np.int64)
    sent = START_NS + number * 1_000_000_000 // pps
    cut = START_NS + round(CUT_S * 1e9) - 11_000_000
    lost = (sent >= cut) & (sent < cut + round(lost_ms * 1e6))
    detour = (sent >= cut) & (sent < START_NS + round(MEND_S * 1e9)) & (lost_ms > 0)
    rows = np.column_stack((number, sent, sent + 60_350_000 + 10_000_000 * detour))[~lost]
    rows.astype("<i8").tofile(folder / "received.i64x3")


def _train(number: int, out_ms: float) -> dict[str, Any]:
    start = START_NS + number * 500_000_000
    slow = out_ms if CUT_S <= number / 2 < MEND_S else 0.0
    end = start + 350_000_000 + round(slow * 1e6)
    times = {"start_ns": start, "compute_ns": 150_000_000, "compute_end_ns": start + 150_000_000}
    return {**STEP, **times, "step": number, "end_ns": end, "exposed_ns": end - start - 150_000_000}


def _ask(number: int, out_ms: float) -> dict[str, Any]:
    due = START_NS + number * 100_000_000 + 1
    if number == 20:  # the one that the cut hits is never answered
        return {**REQUEST, "id": number, "due_ns": due, "sent_ns": due, "end_ns": due + 10**9}
    first = due + 86_000_000 + round((out_ms if 20 < number < 25 else number % 7) * 1e6)
    return {
        **REQUEST, "id": number, "status": "ok", "reason": None, "due_ns": due, "sent_ns": due,
        "first_token_ns": first, "end_ns": first + 600_000_000, "tokens": 40, "tokens_expected": 40,
        "server": None, "failures": [],
    }  # fmt: skip


def _controller_events(plan: NetworkPlan, policy: str) -> Iterator[dict[str, Any]]:
    """What the controller would have told: it hears of the ends after the channels' delays."""
    heard: list[dict[str, Any]] = []
    ends = [(end.switch, s.id) for s in plan.spans if s.id in SPANS for end in (s.a, s.b)]
    for name, at_s in (("port-not-live", CUT_S + NOTICED_MS / 1000), ("port-live", MEND_S + 0.5)):
        for switch, span in ends:
            delay_ns = round(plan.switch(switch).control_delay_us * 1000)
            at_ns = START_NS + round(at_s * 1e9) + delay_ns
            told = {"t_ns": at_ns, "event": name, "switch": switch, "span": span}
            heard.append(told | ({"how": "bfd"} if name == "port-not-live" else {}))
    if policy == "restoration":
        for at_s, avoided in ((CUT_S + 0.03, list(SPANS)), (MEND_S + 1, [])):
            at_ns = START_NS + round(at_s * 1e9)
            heard.append({"t_ns": at_ns, "event": "paths-computed", "avoided_spans": avoided})
            heard += [
                {
                    "t_ns": at_ns + 20_000_000 + round(switch.control_delay_us * 1000),
                    "event": "update-installed", "switch": switch.name, "changes": 1,
                }
                for switch in plan.switches
            ]  # fmt: skip
    yield from sorted(heard, key=lambda event: event["t_ns"])


def span_samples(plan: NetworkPlan, duration_s: float) -> pa.Table:
    """Utilisation of all spans every 100 ms: a tenth, and a half where the detour runs."""
    rows = [
        {
            "t_ms": t_ms, "span": span.id, "from_site": a, "to_site": b, "carried_bytes": 1,
            "utilisation": 0.5 if detour and 2000 < t_ms <= 4000 else 0.1,
            "queue_packets": 0, "queue_bytes": 0, "dropped_packets": 0,
        }
        for t_ms in np.arange(100.0, duration_s * 1000 + 1, 100.0).tolist()
        for span in plan.spans
        for detour in [span.id in ("quincy-denver", "denver-ashburn")]
        for a, b in [(span.a.switch, span.b.switch), (span.b.switch, span.a.switch)]
    ]  # fmt: skip
    return pa.Table.from_pylist(rows)


def damaged(run: Path, file: str) -> Path:
    """The run with a file of its first trial cut short."""
    path = next((run / "trials").iterdir()) / file
    path.write_bytes(path.read_bytes()[:40])
    return run


def told(value: Any) -> str:
    """A value as the page's data hold it."""
    return json.dumps(value, separators=(",", ":"))
