"""Tests in this folder run in the guest, each file in one of its own.

pytest on the host boots the guest, runs the file's tests in it, and reports them as its
own. A file whose tests boot guests themselves says `pytestmark = pytest.mark.on_host`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.one_trial import SOURCE
from guest import GUEST_OUT, GUEST_PYTHON, GuestError, GuestSettings, Source, provide_kernel, run

HERE = Path(__file__).resolve().parent
WALL_LIMIT_S = 900
_TESTS = Source(SOURCE.folder, (*SOURCE.packages, HERE.parent.name))
# In the guest's own time: a test that waits for ever says where it waits.
_LIMITS = ("-o", "faulthandler_timeout=600", "-o", "faulthandler_exit_on_timeout=true")
_REPORTS = pytest.StashKey[dict[str, list[pytest.TestReport]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reports-to", type=Path, help="write each report to this file (in a guest)")
    parser.addoption(
        "--guest-seed",
        type=int,
        default=1,
        help="of all random numbers in the guests: a test that fails with some seeds is not sound",
    )


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("--reports-to")
    if path is not None:
        config.pluginmanager.register(_Recorder(config, path))


class _Recorder:
    """In the guest: writes each report as one line of JSON."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self._config = config
        self._path = path

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(data) + "\n")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    if _runs_here(item):
        return None
    reports = item.config.stash.setdefault(_REPORTS, {})
    if item.nodeid not in reports:
        reports.update(_reports_from_guest(item))
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in reports[item.nodeid]:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    # What earlier tests on the host have set up and the next one does not need ends here.
    item.session._setupstate.teardown_exact(nextitem)
    return True


def _runs_here(item: pytest.Item) -> bool:
    in_guest = item.config.getoption("--reports-to") is not None
    return (
        in_guest or HERE not in item.path.parents or item.get_closest_marker("on_host") is not None
    )


def _reports_from_guest(first: pytest.Item) -> dict[str, list[pytest.TestReport]]:
    """Run all selected tests of the item's file in a guest; each gets at least one report."""
    items = [one for one in first.session.items if one.path == first.path and not _runs_here(one)]
    out = first.config._tmp_path_factory.mktemp("guest")  # type: ignore[attr-defined]
    told = _run_in_guest(first.config, [item.nodeid for item in items], out)
    reports: dict[str, list[pytest.TestReport]] = {item.nodeid: [] for item in items}
    for report in _read_reports(first.config, out / "reports.jsonl"):
        reports[report.nodeid].append(report)
    for item in items:
        if not any(report.when == "teardown" for report in reports[item.nodeid]):
            reports[item.nodeid].append(_failure(item, told))
    return reports


def _run_in_guest(config: pytest.Config, tests: list[str], out: Path) -> str:
    """Run tests in a guest, their reports into `out`; returns what was said on the way."""
    command = [GUEST_PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += [f"--reports-to={GUEST_OUT}/reports.jsonl", *_LIMITS, *tests]
    if config.getoption("--strict-skips"):
        command.append("--strict-skips")
    told = io.BytesIO()
    seed = config.getoption("--guest-seed")
    settings = GuestSettings(seed=seed, source=_TESTS, wall_limit_s=WALL_LIMIT_S)
    kernel = provide_kernel()
    failure = "pytest in the guest ended without a report of this test\n"
    try:
        run(command, out_dir=out, settings=settings, kernel=kernel, stdout=told, stderr=told)
    except GuestError as error:
        failure = f"{error}\n"
    return failure + told.getvalue().decode(errors="replace")


def _read_reports(config: pytest.Config, path: Path) -> Iterator[pytest.TestReport]:
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        data = json.loads(line)
        if data["outcome"] == "skipped" and isinstance(data["longrepr"], list):
            data["longrepr"] = tuple(data["longrepr"])  # JSON knows no tuples, pytest insists
        yield config.hook.pytest_report_from_serializable(config=config, data=data)


def _failure(item: pytest.Item, text: str) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords={},
        outcome="failed",
        longrepr=text,
        when="call",
    )
