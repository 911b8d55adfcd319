"""Tests of progress in logs, where standard error is not a terminal: no bar, but regular lines."""

import threading

import pytest

from tasks.support import progress


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


def test_in_a_log_no_thread_draws() -> None:
    before = threading.active_count()
    with progress.show_progress("Training", 4):
        assert threading.active_count() == before
