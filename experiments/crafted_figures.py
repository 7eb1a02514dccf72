"""A crafted workload's figures, from the pcap of what arrived."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np

from experiments.failover import ProbeFlow, check_carried, delivery
from experiments.pcap_frames import sent_from
from experiments.workloads.crafted import CraftedWorkload
from experiments.workloads.kind import Measured
from traffic.frames import NUMBER, NUMBER_OFFSET, UDP_OFFSET

_TOS_OFFSET = 14 + 1
_CONGESTION_MET = 3


def crafted_figures(trial: Measured, workload: CraftedWorkload, not_sent: int) -> dict[str, Any]:
    """All figures of a crafted workload; packets that could not be sent count as lost.

    Raises OSError or ValueError if the pcap is missing or damaged.
    """
    path = trial.folder(workload) / "received.pcap"
    schedule = workload.schedule(trial.start_ns)
    rows: list[tuple[int, int, int]] = []
    flows: Counter[int] = Counter()
    marks = 0
    at = NUMBER_OFFSET[workload.form]
    for at_ns, frame in sent_from(path, trial.plan.host(workload.from_host).ip):
        if len(frame) < at + NUMBER.size:
            continue
        (sequence,) = NUMBER.unpack_from(frame, at)
        due_ns = schedule.due_ns(workload.rate_pps, sequence)
        rows.append((sequence, due_ns, at_ns - trial.clock_start_ns))
        flows[int.from_bytes(frame[UDP_OFFSET : UDP_OFFSET + 2], "big")] += 1
        marks += frame[_TOS_OFFSET] & 3 == _CONGESTION_MET
    stop_ns = workload.ends_ns(trial.start_ns, trial.stop_ns)
    count = schedule.packets_before(workload.rate_pps, stop_ns)
    record = np.array(rows, dtype=np.int64).reshape(-1, 3)
    flow = ProbeFlow(record, schedule, workload.rate_pps, count)
    check_carried(flow, trial.phases, workload.name)
    begin_ns, end_ns = trial.phases[0].from_ns, trial.phases[-1].until_ns
    return {
        "from": workload.from_host,
        "to": workload.to_host,
        "form": workload.form,
        "rate_pps": workload.rate_pps,
        "total": asdict(delivery(flow, begin_ns, end_ns)),
        "phases": {p.name: asdict(delivery(flow, p.from_ns, p.until_ns)) for p in trial.phases},
        "received_by_source_port": {str(port): flows[port] for port in sorted(flows)},
        "congestion_marks": marks if workload.ecn != _CONGESTION_MET else None,
        "not_sent": not_sent,
    }
