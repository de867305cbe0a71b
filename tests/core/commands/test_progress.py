"""Progress of long work: bars for a terminal, lines for a pipe or a file."""

import io

import pytest
from rich.console import Console

from core.commands import progress
from core.commands.progress import Bar, progress_bars


def said(terminal: bool, updates: list[tuple[float, str]]) -> str:
    """What is written while some work is told of."""
    console = Console(file=io.StringIO(), force_terminal=terminal, width=60)
    with progress_bars(console) as display:
        bar = Bar(display, "training")
        for share, text in updates:
            bar.update(share, text)
    return console.file.getvalue()


@pytest.fixture
def impatient(monkeypatch):
    """Each update comes when a line is due."""
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)


def test_a_pipe_gets_a_plain_line_with_share_step_and_figures(impatient):
    long = "step 812, training 24.1 dB, test 23.9 dB, in a line that is wider than any terminal"
    assert said(False, [(0.25, long), (1.01, "[done]"), (1.0, "")]) == (
        f"training  25%  {long}\ntraining 100%  [done]\ntraining 100%\n"
    )


def test_lines_are_seldom_and_quick_work_prints_none(monkeypatch):
    clock = iter(range(0, 100, 3))
    monkeypatch.setattr(progress, "monotonic", lambda: float(next(clock)))
    assert said(False, [(0.1, ""), (0.2, ""), (0.3, "")]) == ""
    clock = iter(range(0, 100, 3))
    lines = said(False, [(0.1 * i, "") for i in range(1, 10)]).splitlines()
    assert lines == ["training  40%", "training  80%"], "12 and 24 seconds after the beginning"


def test_a_terminal_has_its_bar_and_no_lines(impatient):
    text = said(True, [(0.25, "step 812"), (0.5, "step 900")])
    assert "training  25%" not in text and "training  50%" not in text
