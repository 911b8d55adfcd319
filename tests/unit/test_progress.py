"""Tests of progress in logs, where standard error is not a terminal: no bar, but regular lines."""

import threading

import pytest

from tasks.support import progress


def test_a_log_gets_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 10.0, 61.0, 70.0, 122.0])
    monkeypatch.setattr("tasks.support.progress.time.monotonic", lambda: next(clock))
    print_line = progress._make_printer("Training", 10)
    for done, left in ((1, None), (4, 130.0), (5, 100.0), (9, 20.0)):
        print_line(done, left)
    assert capsys.readouterr().err == ("Training: 40%, 2 min left\nTraining: 90%, less than a minute left\n")


def test_the_time_left_is_told_in_hours_and_minutes_once_it_is_known() -> None:
    words = [progress._describe_left(seconds) for seconds in (None, 7_500.0, 3_600.0, 90.0)]
    assert words == ["", ", 2 h 5 min left", ", 1 h 0 min left", ", 2 min left"]


def test_what_was_done_before_does_not_count_as_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float | None] = []
    monkeypatch.setattr(progress, "_make_printer", lambda *_: lambda done, left: told.append(left))
    now = 0.0
    monkeypatch.setattr("rich.console.monotonic", lambda: now)
    with progress.show_progress("Training", 1000) as advance:
        for amount in (900, 10, 10):
            advance(amount)
            now += 5.0
    assert told == [None, 45.0, 40.0]


def test_a_log_ends_with_the_whole_of_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.show_progress("Training", 4) as move:
        move(1)
        move(3)
    assert "Training" in capsys.readouterr().err


def test_in_a_log_no_thread_draws() -> None:
    before = threading.active_count()
    with progress.show_progress("Training", 4):
        assert threading.active_count() == before
