"""A trial's steps and the controller's events as lines for the page. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.by_hand.words import LASTS

# Of the controller's events those that a watcher wants to see; docs/reference/events.md.
_SHOWN = {
    "port-not-live": "{switch} finds its end of {span} dead ({how})",
    "span-down": "{span} is down (seen by {seen_by}, {how})",
    "span-up": "{span} is up again",
    "span-trusted": "{span} is used again",
    "span-damped": "{span} flaps: it has to stay up for {wait_s} s",
    "wait-to-restore": "{span} has to stay up for {wait_s} s",
    "partitioned": "the network is in parts",
    "partition-over": "the network is whole again",
    "update-begun": "move to other paths begins ({reason})",
    "update-switched": "no new packet takes the old paths",
    "update-done": "move to other paths is over ({reason})",
    "switch-disconnected": "{switch} has lost the controller",
    "switch-connected": "{switch} has found the controller",
    "ready": "every switch has its rules",
}


def told_event(event: Mapping[str, Any]) -> str | None:
    """A controller's event in words, None if it is not for the page."""
    words = _SHOWN.get(str(event["event"]))
    if words is None or (event["event"] == "port-not-live" and "span" not in event):
        return None
    return words.format_map({**dict.fromkeys(_FIELDS, "?"), **event})


_FIELDS = ("switch", "span", "how", "seen_by", "wait_s", "reason")


def told_step(step: Mapping[str, Any], faults: Sequence[Mapping[str, Any]]) -> str:
    """A step of a fault, by hand or of the scenario, in words. faults: the scenario's."""
    if step["step"] == "remark":
        return str(step["said"])
    record = step["fault"] if "by_hand" in step else faults[step["fault"]]
    what = told_fault(record)
    return f"{step['step']}: {what}"


def told_fault(record: Mapping[str, Any]) -> str:
    """A fault's fields in a few words."""
    names = ("span", "conduit", "site", "switch")
    target = next((str(record[name]) for name in names if record.get(name)), "")
    left_out = ("kind", "at_s", "repair_at_s", LASTS, *names)
    more = [str(value) for name, value in record.items() if name not in left_out and value]
    about = f" ({', '.join(more)})" if more else ""
    return f"{record['kind']} {target}".strip() + about
