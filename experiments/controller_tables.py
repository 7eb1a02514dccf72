"""A controller's answers as tables for people; `controller.inspection` gives them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

Answer = Mapping[str, Any]
_NS_PER_S = 1e9
_NOT_DETAILS = ("t_s", "t_ns", "event", "source")


def topology(answer: Answer, console: Console) -> None:
    """Switches, spans, and what link discovery found."""
    away = [switch for switch, state in answer["switches"].items() if state == "away"]
    total = len(answer["switches"])
    console.print(f"Policy {answer['policy']}. {total - len(away)} of {total} switches connected.")
    if away:
        console.print(f"Away: {', '.join(away)}")
    states = Counter(answer["spans"].values())
    console.print(", ".join(f"{count} spans {state}" for state, count in states.items()) + ".")
    rows = sorted(answer["spans"].items(), key=lambda row: (row[1] == "live", row[0]))
    _print(console, ("span", "state"), rows)
    console.print(f"Link discovery has confirmed {answer['ends_confirmed']} ends of spans.")
    for difference in answer["differences"]:
        console.print(f"Differs: {_details(difference)}")


def paths(answer: Answer, console: Console) -> None:
    """One way, hop by hop."""
    way = answer["path"]
    console.print(_verdict(way))
    labels = [_stack(stack) for stack in way.get("labels", [()] * len(way["spans"]))]
    hops = zip(way["switches"], way["spans"], way["switches"][1:], labels, strict=False)
    _print(console, ("from", "over", "to", "labels"), hops)


def protection(answer: Answer, console: Console) -> None:
    """One way, and what becomes of it."""
    console.print(f"Now: {_verdict(answer['path'])}")
    rows = [
        (span, _verdict(way), str(max(map(len, way.get("labels", [[]])), default=0)))
        for span, way in answer["if_it_fails"].items()
    ]
    _print(console, ("if this fails", "then", "labels"), rows)


def coverage(answer: Answer, console: Console) -> None:
    """What arrives now and after one more failure; spans that lose something first."""
    console.print(f"Now {answer['delivered']} of {answer['pairs']} pairs of switches are served.")
    spans = answer["if_it_fails"].items()
    rows = [
        (span, str(counts["pairs"]), str(counts["pairs"] - counts["delivered"]))
        for span, counts in sorted(spans, key=lambda s: (s[1]["delivered"] - s[1]["pairs"], s[0]))
    ]
    _print(console, ("if this span fails", "pairs that cross it", "lost"), rows)


def pending(answer: Answer, console: Console) -> None:
    """What is under way."""
    if answer["idle"]:
        console.print("Nothing is under way: the switches hold what they should.")
    for update in answer["updates"]:
        console.print(_details(update))
    for span in answer["spans_waiting_to_be_used"]:
        console.print(f"{span} is up, and waits until it is trusted again.")


def counters(answer: Answer, console: Console) -> None:
    """Rules by switch, and sums."""
    flows, groups = answer["flows"], answer["groups"]
    rows = [(switch, str(flows[switch]), str(groups[switch])) for switch in flows]
    rows.append(("in all", str(sum(flows.values())), str(sum(groups.values()))))
    _print(console, ("switch", "flows", "groups"), rows)
    console.print(f"{answer['updates']} updates, {answer['changes_sent']} changes sent.")


def events(answer: Answer, console: Console) -> None:
    """A line for each event."""
    rows = [
        (f"{event.get('t_s', event['t_ns'] / _NS_PER_S):.6f}", event["event"], _details(event))
        for event in answer["events"]
    ]
    _print(console, ("s", "event", ""), rows)


def _verdict(way: Answer) -> str:
    route = " → ".join(way["switches"])
    reason = f" ({way['reason']})" if "reason" in way else ""
    return f"{way['outcome']}{reason}: {route}"


def _stack(labels: Iterable[int]) -> str:
    return " ".join(map(str, labels))


def _details(fields: Answer) -> str:
    return ", ".join(
        f"{name} {_said(value)}" for name, value in fields.items() if name not in _NOT_DETAILS
    )


def _said(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _print(console: Console, heads: Iterable[str], rows: Iterable[tuple[str, ...]]) -> None:
    table = Table(*heads, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console.print(table)
