import json

import pytest

from core.errors import FirstlightError
from viewer.protocol.status import State, Status
from viewer.state.status_log import PERIOD, StatusLog


def lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_it_writes_a_line_per_period_with_widgets_only_when_they_changed(tmp_path):
    path = tmp_path / "log.jsonl"
    log = StatusLog(path)
    for now, widgets in ((0.0, {"a": (0, 0, 1, 1)}), (PERIOD, {"a": (0, 0, 1, 1)}), (2 * PERIOD, {})):
        assert log.due(now)
        log.write(now, Status(state=State.PAUSED, step=7), None, widgets, window_fps=30.0)
        assert not log.due(now + 0.5 * PERIOD)
    log.close()
    written = lines(path)
    assert [line.get("widgets") for line in written] == [{"a": [0, 0, 1, 1]}, None, {}]
    assert {(line["state"], line["step"], line["window_fps"]) for line in written} == {("paused", 7, 30.0)}


def test_without_a_path_nothing_is_due():
    assert not StatusLog(None).due(1e9)


def test_a_log_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(FirstlightError, match="another path"):
        StatusLog(tmp_path / "nowhere" / "log.jsonl")
