"""Tests how `reviews up` supervises its processes: their output, its log, a hanging server, an orderly stop."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from data_contracts.storage.home import Home
from deployments.installation_paths import PROJECT_ROOT
from deployments.local_server.children import (
    HUNG_SECONDS,
    Child,
    Program,
    build_renewal,
    build_supervisor,
    kill_child,
    start_child,
)
from deployments.local_server.stopping import bring_down, catch_signals
from deployments.local_server.up_log import Echo, leave_out_repeats, make_safe_echo
from deployments.settings import Settings
from tests.support.marked import start_marked

PIPE_BYTES = 65_536
"""What a pipe holds: a process that writes more waits until someone reads."""
SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(Home(tmp_path / "home"), port=1)


@contextmanager
def start(command: tuple[str, ...], echo: Echo = print) -> Iterator[Child]:
    child = start_child(Program("server", command), os.environ, echo)
    try:
        yield child
    finally:
        end(child)


def end(child: Child) -> None:
    """Kill a process and wait until all of its output is passed on."""
    kill_child(child)
    deadline = time.monotonic() + 30
    while child.process.stdout is not None and not child.process.stdout.closed:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.process
def test_a_process_can_write_on_when_the_disk_of_the_log_is_full(tmp_path: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    talkative = (sys.executable, "-c", f"print('a line\\n' * {PIPE_BYTES})")
    echo = make_safe_echo(lambda text: print(os.write(full, text.encode())), tmp_path / "up.log")
    with start(talkative, echo) as child:
        assert child.process.wait(60) == 0
    os.close(full)


def test_of_errors_that_repeat_the_first_is_printed_whole_and_no_line_without_an_error_is_left_out() -> None:
    said: list[str] = []
    pass_on = leave_out_repeats(said.append, lambda: 0.0)
    plain = [f"22:14:09.111 | INFO    | Flow run 'a' - commit-part: rows_scored={rows}" for rows in (5, 5)]
    error = ["22:14:09.1 | ERROR   | docket", "Traceback (most recent call last):", "KeyError: 'a'"]
    for line in (*error, *plain, *error, *plain):
        pass_on(line)
    assert said == [*error, *plain, *plain]


@pytest.mark.process
def test_a_running_up_keeps_its_log_with_times_within_bounds_and_goes_on_in_a_new_one(tmp_path: Path) -> None:
    log = tmp_path / "up.log"
    script = (
        "from pathlib import Path; from deployments.local_server.up_log import make_safe_echo\n"
        f"echo = make_safe_echo(lambda text: print(text, flush=True), Path({str(log)!r}), most_bytes=1000)\n"
        "for number in range(300): echo(f'line {number}')\n"
    )
    with log.open("a") as out:
        command = [sys.executable, "-c", script]
        subprocess.run(command, cwd=PROJECT_ROOT, stdout=out, stderr=out, check=False)
    old, new = (tmp_path / "up.log.1").read_text(), log.read_text()
    assert max(len(old), len(new)) < 1100
    lines = re.findall(r"^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d (line \d+)$", old + new, re.MULTILINE)
    assert lines == [f"line {number}" for number in range(300 - len(lines), 300)]


@pytest.mark.process
@pytest.mark.parametrize(
    ("started", "answered", "is_killed"),
    [(2 * HUNG_SECONDS, 2 * HUNG_SECONDS, True), (0, 2 * HUNG_SECONDS, False), (2 * HUNG_SECONDS, 1, False)],
    ids=["hung", "fresh", "slow"],
)
def test_a_server_that_hangs_and_no_other_is_killed_and_started_again(
    started: float, answered: float, is_killed: bool
) -> None:
    now = time.monotonic()
    with start(SLEEP) as server:
        children = [replace(server, started=now - started)]
        build_supervisor(children, lambda: now - answered, lambda: None, os.environ, print)()
        try:
            assert server.process.poll() == (-signal.SIGKILL if is_killed else None)
            assert (children[0].process is not server.process) == is_killed
            assert children[0].process.poll() is None
        finally:
            end(children[0])


@pytest.mark.process
def test_once_other_packages_are_installed_what_runs_is_ended_and_the_worker_when_no_run_is_active() -> None:
    installed = iter([{"old"}, {"old"}, set[str](), set[str](), {"new"}, {"new"}, {"new"}])
    idle = iter([False, True])
    with start(SLEEP) as server, start(SLEEP) as other:
        worker = replace(other, program=Program("worker", SLEEP))
        renew = build_renewal([server, worker], lambda: next(idle), print, lambda: next(installed), 0)
        for _ in range(4):
            renew()
        assert (server.process.poll(), worker.process.poll()) == (None, None)
        renew()
        assert server.process.wait(10) == -signal.SIGTERM
        assert worker.process.poll() is None
        renew()
        assert worker.process.wait(10) == -signal.SIGTERM


def test_a_stop_is_asked_once_and_a_second_ctrl_c_or_a_quit_asks_not_to_wait() -> None:
    asked = {
        (signal.SIGTERM, signal.SIGTERM): False,
        (signal.SIGINT,): False,
        (signal.SIGTERM, signal.SIGINT): True,
        (signal.SIGQUIT,): True,
    }
    for numbers, at_once in asked.items():
        with catch_signals() as stop:
            for number in numbers:
                os.kill(os.getpid(), number)
        assert (stop.asked.is_set(), stop.at_once.is_set()) == (True, at_once)


def test_a_hang_up_that_nohup_ignores_does_not_stop_it() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with catch_signals() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.asked.is_set()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.process
def test_what_a_killed_up_left_is_killed_before_it_can_say_anything(
    settings: Settings, tmp_path: Path
) -> None:
    last_words = f"""
import pathlib, signal, time
signal.signal(signal.SIGTERM, lambda number, frame: pathlib.Path({str(tmp_path / "said")!r}).touch())
print("ready", flush=True)
time.sleep(60)
"""
    left = start_marked(settings.home.folder, last_words)
    assert bring_down(settings, print) == "It was not up; stopped what was left behind: 1 process."
    left.wait()
    assert not (tmp_path / "said").exists()
