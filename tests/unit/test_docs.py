"""The documentation's blocks: what is fast is run here, page by page; all of it is read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.cli.main import COMMANDS
from tests.docs.blocks import Block, blocks
from tests.docs.kinds import Cost, verdict
from tests.docs.pages import ROOT, check_page, pages


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_says_works(page: Path, tmp_path: Path) -> None:
    """More, with the guest: python -m tests.docs --all PAGE."""
    wrong = [one for one in check_page(page, tmp_path, slow=False) if one.failed]
    assert not wrong, "\n".join(f"{one.place}: {one.what}: {one.told}" for one in wrong)


def _page(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    return page


def test_commands_are_found_in_fenced_and_indented_blocks(tmp_path: Path) -> None:
    text = """
    ./fibercut map hybrid \\
        --out x.svg     # a picture

1. In a list:

       ./fibercut list

```sh
./fibercut lint hybrid
```

```
not a command
```
"""
    found = list(blocks(_page(tmp_path, text)))
    assert [one.commands() for one in found if one.language == "sh"] == [
        ["./fibercut map hybrid --out x.svg"],
        ["./fibercut list"],
        ["./fibercut lint hybrid"],
    ]


def test_a_comment_before_a_block_is_for_that_block_alone(tmp_path: Path) -> None:
    text = """
<!-- file: a.yaml -->

```yaml
name: a
```

```yaml
name: b
```
"""
    assert [one.file for one in blocks(_page(tmp_path, text))] == ["a.yaml", ""]


@pytest.mark.parametrize(
    ("command", "cost"),
    [
        ("./fibercut list --topohub germany", Cost.FAST),
        ("./fibercut study policies --check", Cost.FAST),
        ("./fibercut run fiber-cut", Cost.SLOW),
        ("./fibercut list | head -1", Cost.SLOW),
        ("sudo ./fibercut clean", Cost.NEVER),
        ("./fibercut validate FILE", Cost.NEVER),
        ("./fibercut shell hybrid", Cost.NEVER),
    ],
)
def test_what_a_command_takes(command: str, cost: Cost) -> None:
    found = verdict(Block(Path("page.md"), 1, "sh", command), command)
    assert found.cost is cost
    assert bool(found.reason) is (cost is Cost.NEVER)


@pytest.mark.parametrize(
    "text",
    [
        "```sh\n./fibercut lint no-such-network\n```\n",
        "```sh\n./fibercut list --no-such-option\n```\n",
        "```python\nfrom topologies.load import no_such_thing\n```\n",
        "```python\nprint(\n```\n",
        "```yaml\na: [\n```\n",
        "```yaml\nname: a\ntopology: ring:4\nduration_s: -1\nworkloads: []\n```\n",
        "<!-- check: skip -->\n\n```sh\n./fibercut list\n```\n",
    ],
)
def test_a_page_that_says_what_does_not_work_is_found(text: str, tmp_path: Path) -> None:
    page = _page(tmp_path, text)
    folder = tmp_path / "folder"
    folder.mkdir()
    assert [one.failed for one in check_page(page, folder, slow=False)] == [True]


def test_a_files_block_is_there_for_the_commands_after_it(tmp_path: Path) -> None:
    text = """
<!-- file: mine.yaml -->

```yaml
name: mine
topology: ring:4
duration_s: 2
workloads:
  - {name: probe, kind: probe, from: n1-host1, to: n3-host1}
```

    ./fibercut validate mine.yaml
"""
    folder = tmp_path / "folder"
    folder.mkdir()
    outcomes = [one.outcome for one in check_page(_page(tmp_path, text), folder, slow=False)]
    assert outcomes == ["ran", "ran"]


def test_the_pages_are_built_without_a_dead_link(tmp_path: Path) -> None:
    """The same as ./fibercut docs."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "experiments.cli",
            "docs",
            "--out",
            str(tmp_path / "html"),
            "--json",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    told = json.loads(done.stdout)
    assert told["mistakes"] == []
    reference = (tmp_path / "html" / "reference" / "command-line.html").read_text(encoding="utf-8")
    assert all(f'id="fibercut-{name}"' in reference for name in COMMANDS)
    schema = (tmp_path / "html" / "reference" / "scenario-schema.html").read_text(encoding="utf-8")
    assert "duration_s" in schema
