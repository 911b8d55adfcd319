"""Kills commands at all fault points and random moments: `python -m tests.faults [--kills 50] [--seed 0]`.

Prints a Markdown table. Exit status 1 if the result of any trial
differs from that of an undisturbed run.
"""

import argparse
import os
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from data_contracts.storage.faults import FAULT_POINTS
from tests.faults.harness import (
    Trial,
    points_of,
    prepare_scenarios,
    run_undisturbed,
    try_moment,
    try_point,
)
from tests.support.once import FOLDER


def main() -> int:
    """Run all trials and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="random kills, over all scenarios")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--moments-only", action="store_true", help="leave the fault points out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        os.environ[FOLDER] = name
        trials = try_all(
            Path(name), arguments.kills, random.Random(arguments.seed), with_points=not arguments.moments_only
        )
    print(describe(trials))
    return 1 if any(trial.trouble for trial in trials) else 0


def try_all(folder: Path, kills: int, chance: random.Random, *, with_points: bool) -> list[Trial]:
    """Try every point of every scenario, then random moments, spread over the scenarios."""
    scenarios = prepare_scenarios(folder)
    references = {name: run_undisturbed(scenario, folder) for name, scenario in scenarios.items()}
    trials = []
    for name, scenario in scenarios.items():
        for point in points_of(name) if with_points else ():
            trials.append(report_trial(try_point(scenario, references[name], point, folder)))
    for number in range(kills):
        name = list(scenarios)[number % len(scenarios)]
        seconds = chance.uniform(0.3, references[name].seconds)
        trials.append(report_trial(try_moment(scenarios[name], references[name], seconds, folder)))
    return trials


def report_trial(trial: Trial) -> Trial:
    """Print the result of a trial to standard error, as soon as it ends."""
    words = "equal" if not trial.trouble else "; ".join(trial.trouble)
    print(f"{trial.scenario}: {trial.killed_at}: {words}", file=sys.stderr, flush=True)
    return trial


def describe(trials: list[Trial]) -> str:
    """Format the trials as a table: one row per point, and one per scenario for its random kills."""
    rows = ["| killed at | what there was then | died | after the next run |", "| --- | --- | --- | --- |"]
    for trial in trials:
        if trial.killed_at in FAULT_POINTS:
            there = FAULT_POINTS[trial.killed_at]
            rows.append(
                f"| {trial.killed_at} | {there} | {'yes' if trial.was_killed else 'no'} | {_judge([trial])} |"
            )
    moments = [trial for trial in trials if trial.killed_at not in FAULT_POINTS]
    for name, count in Counter(trial.scenario for trial in moments).items():
        mine = [trial for trial in moments if trial.scenario == name]
        died = sum(trial.was_killed for trial in mine)
        rows.append(f"| {name}: {count} random moments | anything | {died} of {count} | {_judge(mine)} |")
    return "\n".join(rows)


def _judge(trials: list[Trial]) -> str:
    broken = sum(bool(trial.trouble) for trial in trials)
    return f"**{broken} of {len(trials)} differ**" if broken else "equal"


if __name__ == "__main__":
    sys.exit(main())
