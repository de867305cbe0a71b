"""Runs this folder's tests in a process of its own, in which torch believes in a GPU; see `device`.

The process that collects the tests runs another pytest with those that it is to run, and reports what that one reports.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pretended_cuda.build import CannotPretend, library

HERE, REPOSITORY = Path(__file__).parent, Path(__file__).resolve().parents[2]

REPORTS = os.environ.get("FIRSTLIGHT_PRETENDED_REPORTS")
"""In the other process: the file that its reports are written to, one a line."""

if REPORTS is not None:
    from tests.pretended_cuda import device

    def pytest_runtest_logreport(report: pytest.TestReport) -> None:
        data = _config[0].hook.pytest_report_to_serializable(config=_config[0], report=report)
        with open(REPORTS, "a") as file:
            file.write(json.dumps(data) + "\n")


_config: list[pytest.Config] = []


def pytest_configure(config: pytest.Config) -> None:
    _config.append(config)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Report a test that the other process ran; in that one, run it as usual."""
    if REPORTS is not None or HERE not in item.path.parents:
        return None
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _reports_of(item):
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


_results = pytest.StashKey[dict[str, list[pytest.TestReport]]]()


def _reports_of(item: pytest.Item) -> list[pytest.TestReport]:
    stash = item.session.stash
    if _results not in stash:
        stash[_results] = _run_all([x for x in item.session.items if HERE in x.path.parents], item.config)
    return stash[_results][item.nodeid]


def _run_all(items: list[pytest.Item], config: pytest.Config) -> dict[str, list[pytest.TestReport]]:
    """Run tests in the other process; returns their reports by node."""
    try:
        library()
    except CannotPretend as lack:
        outcome = "failed" if os.environ.get("REQUIRE_COMPILER") == "1" else "skipped"
        return {item.nodeid: [_report(item, outcome, str(lack))] for item in items}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reports"
        path.touch()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        environment["FIRSTLIGHT_PRETENDED_REPORTS"] = str(path)
        nodes = [str(REPOSITORY / item.nodeid) for item in items]
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
        command += ["-p", "tests.pretended_cuda.device", *nodes]
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
        reports: dict[str, list[pytest.TestReport]] = {}
        for line in path.read_text().splitlines():
            report = config.hook.pytest_report_from_serializable(config=config, data=json.loads(line))
            reports.setdefault(report.nodeid, []).append(report)
    for item in items:
        if item.nodeid not in reports:
            text = f"the process with the pretended GPU ended with {done.returncode} before it ran this test:\n"
            reports[item.nodeid] = [_report(item, "failed", text + done.stdout[-3000:] + done.stderr[-3000:])]
    return reports


def _report(item: pytest.Item, outcome: str, text: str) -> pytest.TestReport:
    reason = (str(item.path), (item.location[1] or 0) + 1, text) if outcome == "skipped" else text
    return pytest.TestReport(item.nodeid, item.location, {}, outcome, reason, "setup")


@pytest.fixture
def gpu() -> Iterator:
    """The module of the pretended GPU, which holds nothing of earlier tests any more."""
    gc.collect()
    yield device
    assert device.memory_limit() == device.MEMORY
