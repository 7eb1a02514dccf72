"""The study's results as tables of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.versions import versions
from tests.benchmarks.n_minus_1.parts import PARTS, Chunk, chunks, planned_trials

Trial = Mapping[str, Any]
PAGE = Path(__file__).resolve().parents[3] / "docs" / "explanation" / "n-minus-1.md"
_BEGIN, _END = "<!-- tables: python -m tests.benchmarks.n_minus_1 --write-page -->", "<!-- end -->"
_LOSSES = ("others_lost", "away_lost", "back_lost", "end_lost", "doubled")
_SUMMARY = (
    "what fails", "how", "BFD", "trials", "paths hit", "left to the controller",
    "least to spare: out / limit, ms", "over the limit", "not healed", "lost elsewhere",
    "lost moving away", "lost moving back", "lost at the end", "doubled",
)  # fmt: skip
_PACKAGES = ("fibercut", "commit", "openvswitch", "ryu", "mininet", "python")


def broken(trial: Trial) -> bool:
    """Whether a promise was broken."""
    return any(trial[name] for name in (*_LOSSES, "over_limit", "unhealed"))


def summary(trials: Iterable[Trial]) -> str:
    """A row for each part, way of failing and BFD interval, also for those not tried yet."""
    groups: dict[Chunk, list[Trial]] = {chunk: [] for chunk in chunks(PARTS)}
    for trial in trials:
        groups[Chunk(trial["part"], trial["silent"], trial["bfd_ms"])].append(trial)
    return _table(_SUMMARY, [_row(chunk, group) for chunk, group in groups.items()])


def _row(chunk: Chunk, group: Sequence[Trial]) -> list[str]:
    head = [
        chunk.part,
        "silent" if chunk.silent else "carrier",
        f"{chunk.bfd_ms} ms × 3" if chunk.silent else "",
        f"{len(group)} of {planned_trials(chunk.part)}",
    ]
    if not group:
        return head + ["–"] * (len(_SUMMARY) - len(head))
    total = {name: sum(trial[name] for trial in group) for name in _COUNTS}
    timed = [trial for trial in group if trial["limit_ms"]]
    nearest = min(timed, key=lambda t: t["limit_ms"] - t["worst_ms"], default=None)
    spare = f"{nearest['worst_ms']:.1f} / {nearest['limit_ms']:.1f}" if nearest else ""
    counts = [total[name] for name in ("over_limit", "unhealed", *_LOSSES)]
    return [
        *head,
        str(total["pairs"]),
        str(total["by_controller"]),
        spare,
        *map(str, counts),
    ]


_COUNTS = ("pairs", "by_controller", "over_limit", "unhealed", *_LOSSES)


def by_span(trials: Iterable[Trial]) -> str:
    """A row for each span: out / limit of the pair with the least to spare, in ms."""
    ways = [(True, 10), (True, 1), (False, 10)]
    spans: dict[str, dict[tuple[bool, int], Trial]] = {}
    for trial in trials:
        if trial["part"] == "spans":
            spans.setdefault(trial["failure"], {})[trial["silent"], trial["bfd_ms"]] = trial
    rows = [
        [
            name,
            str(max(trial["pairs"] for trial in found.values())),
            *(
                f"{found[way]['worst_ms']:.1f} / {found[way]['limit_ms']:.1f}"
                if way in found and found[way]["limit_ms"]
                else ""
                for way in ways
            ),
        ]
        for name, found in spans.items()
    ]
    return _table(("span", "paths hit", "silent, 10 ms × 3", "silent, 1 ms × 3", "carrier"), rows)


def machine_line(seed: int) -> str:
    """With what the tables were made."""
    known = versions()
    return f"Seed {seed}; " + ", ".join(f"{name} {known[name]}" for name in _PACKAGES) + "."


def with_tables(page: str, trials: Sequence[Trial], made_with: str) -> str:
    """The page with new tables between its marks. Raises ValueError."""
    new = f"{_BEGIN}\n\n{made_with}\n\n{summary(trials)}\n{by_span(trials)}\n{_END}"
    text, count = re.subn(
        f"{re.escape(_BEGIN)}.*{re.escape(_END)}", lambda _: new, page, flags=re.DOTALL
    )
    if count != 1:
        raise ValueError(f"the page needs the lines {_BEGIN} and {_END}")
    return text


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * 2 + ["---:"] * (len(head) - 2), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
