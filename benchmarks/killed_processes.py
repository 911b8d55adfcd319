"""How soon `reviews up` is back at work after one of its processes was killed or stopped, and what that leaves behind.

    python -m benchmarks.killed_processes [--rounds 2] [--seed 0]

In each round each process (server, worker, metrics, run, and `reviews up` itself) gets SIGKILL and SIGTERM, once while
a run goes on, at a moment by chance from its start on, and once while none does. Then a file comes into the inbox,
which is watched. The time is from the signal until its rows, and those of the run that was disturbed, are published; it
has the wait of five seconds for an orderly stop. Nobody does anything, except that `reviews up` is started again, as
systemd does. At the end every row must be there once, `reviews verify` must hold, no run may be active, and each run
that failed or crashed must have been told of once. Prints a Markdown table; the exit status is 1 if something does not
hold.
"""

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from deployments.marked_processes import list_run_processes
from tests.e2e.conftest import REVIEWS
from tests.e2e.deployed import (
    Deployed,
    Hook,
    bring_up,
    catch_posts,
    find_free_port,
    make_home,
    wait_until,
    write_reviews,
)
from tests.support.once import FOLDER

TARGETS = {
    "server": "guarded_server",
    "worker": "worker start",
    "metrics": "deployments.metrics",
    "run": "",
    "up": "",
}
SIGNALS = (signal.SIGKILL, signal.SIGTERM)
MOMENTS = ("run", "idle")
ROWS = 20
LONGEST_RUN_SECONDS = 7.0
"""From the start of a run, until when its disturbance may come; most have ended by then."""
PATIENCE_SECONDS = 240
ACTIVE, ENDED_BADLY = ("RUNNING", "PENDING", "CANCELLING"), ("FAILED", "CRASHED")


@dataclass
class Trials:
    """A home whose processes are disturbed, its `reviews up`, and the seconds until it was back at work."""

    home: Path
    hook: Hook
    up: Deployed | None = None
    stack: ExitStack = field(default_factory=ExitStack)
    seconds: dict[tuple[str, str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    files: list[str] = field(default_factory=list)

    def start(self) -> Deployed:
        """Return the present `reviews up`; start one where there is none."""
        if self.up is None:
            metrics = str(find_free_port())
            settings = {"REVIEWS_ALERT_URL": self.hook.url, "REVIEWS_METRICS_PORT": metrics}
            self.up = self.stack.enter_context(bring_up(self.home, "--watch-inbox", **settings))
        return self.up

    def stop(self) -> None:
        """Stop it, or note that it has ended."""
        self.stack.close()
        self.up = None

    def receive(self) -> None:
        """Put the next file into the inbox."""
        name = f"file{len(self.files):03}"
        self.files.append(name)
        write_reviews(self.home / "inbox" / f"{name}.csv", ROWS, f"{name}-")

    def count_rows(self) -> int:
        """Return how many of the rows are published."""
        return int(self.start().ask("select count(*) from scored_reviews")[0][0])


def main() -> None:
    """Disturb the processes in all ways, and print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="killed-") as folder, catch_posts() as hook:
        trials = Trials(prepare_home(Path(folder)), hook)
        ways = [(target, number, moment) for target in TARGETS for number in SIGNALS for moment in MOMENTS]
        try:
            for way in [each for _ in range(arguments.rounds) for each in chance.sample(ways, len(ways))]:
                disturb(trials, *way, chance)
            problems = list(find_problems(trials))
        finally:
            trials.stop()
    print_table(trials)
    print("All holds." if not problems else "\n".join(problems))
    sys.exit(1 if problems else 0)


def prepare_home(folder: Path) -> Path:
    """Make a home with a small model."""
    os.environ[FOLDER] = str(folder)
    return make_home(folder / "home")


def disturb(trials: Trials, target: str, number: signal.Signals, moment: str, chance: random.Random) -> None:
    """Send a signal to a process, and measure how long it takes until all rows are published."""
    up = trials.start()
    if target == "run" and moment == "idle":
        return
    up.wait_until_idle()
    if moment == "run":
        trials.receive()
        up.start_deployment()
        wait_until(lambda: list_run_processes(trials.home), PATIENCE_SECONDS)
        time.sleep(chance.uniform(0, LONGEST_RUN_SECONDS))
    began = time.monotonic()
    for process in find_targets(up, target):
        process.send_signal(number)
    if target == "up":
        up.process.wait(PATIENCE_SECONDS)
        trials.stop()
        trials.start()
    trials.receive()
    wait_until(lambda: trials.count_rows() >= ROWS * len(trials.files), PATIENCE_SECONDS, 0.5)
    seconds = time.monotonic() - began
    print(f"{target} {number.name} {moment}: {seconds:.0f} s", file=sys.stderr, flush=True)
    trials.seconds[target, number.name, moment].append(seconds)


def find_targets(up: Deployed, target: str) -> Sequence[psutil.Process]:
    """Return the processes to be disturbed."""
    if target == "up":
        return [psutil.Process(up.process.pid)]
    return list_run_processes(up.home) if target == "run" else up.find_processes(TARGETS[target])


def find_problems(trials: Trials) -> Iterator[str]:
    """Yield what does not hold at the end."""
    up = trials.start()
    wait_until(lambda: not any(up.list_runs(state) for state in ACTIVE), PATIENCE_SECONDS, 2)
    time.sleep(5)  # for the last alerts
    [(rows, different)] = up.ask("select count(*), count(distinct review_id) from latest_scores")
    [(scored,)] = up.ask("select count(*) from scored_reviews")
    if not rows == different == scored == ROWS * len(trials.files):
        yield f"{scored} scored rows, {different} different reviews, of {ROWS * len(trials.files)}"
    told = Counter(each["flow_run_id"] for each in trials.hook.received if "flow_run_id" in each)
    ended = [run_id for state in ENDED_BADLY for run_id in up.list_runs(state)]
    print(f"{len(ended)} runs failed or crashed, {sum(told.values())} alerts were sent.")
    yield from (f"The run {each} was told of {told[each]} times." for each in ended if told[each] != 1)
    yield from (f"An alert names the run {each}, which has ended well." for each in told.keys() - set(ended))
    verified = subprocess.run(
        [REVIEWS, "--home", trials.home, "verify"], capture_output=True, text=True, check=False
    )
    if verified.returncode != 0:
        yield verified.stdout + verified.stderr


def print_table(trials: Trials) -> None:
    """Print for each process, signal and moment how long it took."""
    print("| process | signal | moment | trials | back after, median s | longest, s |")
    print("| --- | --- | --- | ---: | ---: | ---: |")
    for (target, number, moment), seconds in sorted(trials.seconds.items()):
        figures = f"{len(seconds)} | {statistics.median(seconds):.0f} | {max(seconds):.0f}"
        print(f"| {target} | {number} | {moment} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
