"""Tests of progress in logs, where standard error is not a terminal: no bar, but regular lines."""

import pytest

from tasks.support import progress


def test_a_log_gets_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 10.0, 61.0, 70.0, 122.0])
    monkeypatch.setattr("tasks.support.progress.time.monotonic", lambda: next(clock))
    print_line = progress._make_printer("Training", 10)
    for done in (1, 4, 5, 9):
        print_line(done)
    assert capsys.readouterr().err == "Training: 40%\nTraining: 90%\n"


def test_a_log_ends_with_the_whole_of_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.show_progress("Training", 4) as move:
        move(1)
        move(3)
    assert "Training" in capsys.readouterr().err
