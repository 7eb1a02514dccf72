"""Keep the results in docs/scenarios true: `python -m experiments.result_pages PAGE FOLDER`.

A page is written by hand, but for the part after its mark, which names the command and the
figures to show. That part is made anew of the folder of a run or a study. A page may have
several marks: each folder goes to the mark whose command ends in its scenario's or study's name.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from experiments.flat import flat
from experiments.rows import MISSING
from topologies.problems import InputError, Problem

PAGES = Path(__file__).resolve().parents[1] / "docs" / "scenarios"
_END = "<!-- end of results -->"
_MARK = re.compile(rf"(<!-- results\n(.*?)-->\n)(.*?)({re.escape(_END)})", re.DOTALL)
_MOST_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Mark:
    """What a page shows of one folder: the command that makes it, and figures by their name."""

    command: str
    figures: Mapping[str, str]
    """Name in the results (see experiments.flat) and what the page calls it."""


def page_with(text: str, name: str, lines: Sequence[str]) -> str:
    """A page with its results. Raises ValueError if it has no mark for `name`."""
    found = [one for one in _MARK.finditer(text) if _read(one[2]).command.split()[2] == name]
    if not found:
        raise ValueError(f"no mark '<!-- results' names the command of {name!r}")
    one = found[0]
    body = "\n".join(["", *lines, "", ""])
    return text[: one.start()] + one[1] + body + one[4] + text[one.end() :]


def marks(text: str) -> list[Mark]:
    """All marks of a page. Raises ValueError for one that cannot be read."""
    return [_read(one[2]) for one in _MARK.finditer(text)]


def _read(text: str) -> Mark:
    try:
        data = YAML(typ="safe", pure=True).load(text)
        return Mark(str(data["command"]), {str(k): str(v) for k, v in data["figures"].items()})
    except (YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a mark needs a command and figures: {error}") from None


def result_lines(mark: Mark, folder: Path) -> Iterator[str]:
    """The results of a run's or a study's folder as Markdown. Raises OSError or ValueError."""
    table = folder / "table.json"
    yield f"`{mark.command}`:"
    yield ""
    if table.exists():
        yield from _study_lines(mark, json.loads(table.read_text(encoding="utf-8")))
    else:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        yield from _run_lines(mark, summary)


def _run_lines(mark: Mark, summary: Mapping[str, Any]) -> Iterator[str]:
    policies = summary["policies"]
    found = {name: flat(figures) for name, figures in policies.items()}
    yield from _header(["", *policies], words=1)
    for name, label in mark.figures.items():
        cells = [_number(found[policy].get(name)) for policy in policies]
        yield _line([label, *cells])
    failed = [f"{name}: {one['reason']}" for name, one in policies.items() if one["reason"]]
    yield ""
    yield f"Seed {summary['seed']}, {summary['virtual_s']:.0f} s of virtual time in all policies."
    yield from (f"Failed: {reason}" for reason in failed)


def _study_lines(mark: Mark, table: Mapping[str, Any]) -> Iterator[str]:
    samples = table["samples"]
    axes = list(samples[0]["point"])
    several = len({one["policy"] for one in samples}) > 1
    words = [*(axis.rpartition(".")[2] for axis in axes), *(["policy"] if several else [])]
    yield from _header([*words, *mark.figures.values()], words=len(words))
    for one in samples:
        place = [str(value) for value in one["point"].values()]
        place += [one["policy"]] if several else []
        yield _line([*place, *(_estimate(one, name) for name in mark.figures)])
    failed = sum(one["failed"] for one in samples)
    each = max(one["trials"] for one in samples)
    level = 100 * table["confidence_level"]
    told = f"medians of {each} seeds with their {level:g} % intervals" if each > 1 else "one seed"
    yield ""
    yield f"{table['trials']} trials, {failed} failed; {told}."


def _estimate(sample: Mapping[str, Any], name: str) -> str:
    found = sample["figures"].get(name)
    if found is None:
        return MISSING
    text, interval = _number(found["median"]), found["median_ci"]
    if interval is not None and interval[0] != interval[1]:
        text += f" [{_number(interval[0])}, {_number(interval[1])}]"
    return text + (f" ({found['missing']} without)" if found["missing"] else "")


def _number(value: float | None) -> str:
    if value is None:
        return MISSING
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{_MOST_DIGITS}g}"


def _header(names: Sequence[str], words: int) -> Iterator[str]:
    yield _line(names)
    yield "|" + "---|" * words + "---:|" * (len(names) - words)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(arguments: list[str]) -> int:
    """Rewrite one page's results from a folder."""
    if len(arguments) != 2:
        print("usage: python -m experiments.result_pages PAGE FOLDER", file=sys.stderr)
        return 2
    try:
        print(rewrite(arguments[0], Path(arguments[1])))
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def rewrite(page: str, folder: Path) -> Path:
    """Write a folder's results into docs/scenarios/PAGE.md. Raises InputError."""
    path = PAGES / f"{page}.md"
    try:
        text, name = path.read_text(encoding="utf-8"), _name(folder)
        wanted = [mark for mark in marks(text) if mark.command.split()[2] == name]
        lines = [line for mark in wanted for line in result_lines(mark, folder)]
        path.write_text(page_with(text, name, lines), encoding="utf-8")
    except (OSError, ValueError, KeyError) as error:
        raise InputError([Problem(f"{path}, {folder}", str(error))]) from None
    return path


def _name(folder: Path) -> str:
    """What a folder's command ends in: its study's or its scenario's name."""
    if (folder / "table.json").exists():
        return str(json.loads((folder / "table.json").read_text(encoding="utf-8"))["study"])
    return str(json.loads((folder / "summary.json").read_text(encoding="utf-8"))["scenario"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
