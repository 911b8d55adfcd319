"""Fuzzes the readers: `python -m tests.fuzz [--minutes 60] [--seed N]`, or `--case SEED:NUMBER`, or `--file PATH`.

Each finding is minimized and saved, with a note of the failure and the command that reproduces it. Exit status 1 if
there is any.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from deployments.installation_paths import PROJECT_ROOT
from tests.fuzz.cases import Plan, build, plan_case
from tests.fuzz.minimising import checking, minimise
from tests.fuzz.supervising import Result, read_file, run_cases
from tests.fuzz.tally import Tally, describe
from tests.fuzz.worker import FINDING

FINDINGS = PROJECT_ROOT / "data" / "fuzz"
SAME_KEPT = 3
"""Findings of one kind that are saved; more are counted."""
MINIMISE_SECONDS = 40.0
ROUND = 2000
"""Cases after which a worker is replaced, so that what adds up in a process is met now and then as in a short run."""
_FAST = Path("/dev/shm")


def main() -> int:
    """Fuzz, and print the results."""
    arguments = _parse_arguments()
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=_FAST if _FAST.is_dir() else None) as name:
        if arguments.file or arguments.case:
            return _show_one(Path(name), arguments.file, arguments.case)
        seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(10**6)
        print(f"Seed {seed}.", file=sys.stderr, flush=True)
        tally = Tally()
        for result in _run(Path(name) / "run", seed, arguments.minutes, arguments.cases):
            _note(result, tally, arguments.findings, Path(name) / "check")
    print(describe(tally, seed))
    return 1 if tally.findings else 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, help="by default a new one, which is printed")
    parser.add_argument("--cases", type=int, help="end after so many files")
    parser.add_argument("--case", help="read one case again: SEED:NUMBER")
    parser.add_argument("--file", type=Path, help="read one file, such as a finding")
    parser.add_argument("--findings", type=Path, default=FINDINGS, help="where to save what was found")
    return parser.parse_args()


def _show_one(folder: Path, path: Path | None, case: str | None) -> int:
    if case:
        plan = plan_case(*map(int, case.split(":")))
        name, data = build(plan)
        print(plan)
        path = folder / name
        path.write_bytes(data)
    assert path is not None
    result = read_file(folder, path.absolute())
    print(result.outcome, result.kind, result.words, sep="\n")
    return 1 if result.outcome == FINDING else 0


def _run(folder: Path, seed: int, minutes: float, cases: int | None) -> Iterator[Result]:
    until = time.monotonic() + minutes * 60
    for start in count(0, ROUND):
        stop = start + ROUND if cases is None else min(start + ROUND, cases)
        for result in run_cases(folder, seed, range(start, stop)):
            yield result
            if time.monotonic() > until:
                return
        print(f"{stop:,} files.", file=sys.stderr, flush=True)
        if stop == cases:
            return


def _note(result: Result, tally: Tally, findings: Path, folder: Path) -> None:
    """Count a result; save a finding unless enough of its kind are saved."""
    plan = plan_case(*map(int, result.item.split(":")))
    tally.add(plan, result.outcome)
    if result.outcome == FINDING:
        tally.findings[result.kind] += 1
        if tally.findings[result.kind] <= SAME_KEPT:
            seconds = MINIMISE_SECONDS if tally.findings[result.kind] == 1 else 0.0
            _save(result, plan, findings, folder, seconds)


def _save(result: Result, plan: Plan, findings: Path, folder: Path, seconds: float) -> None:
    with checking(folder, result.kind) as check:
        smaller, data = minimise(plan, check, seconds)
    name, _ = build(plan)
    kind = "".join(letter if letter.isalnum() else "-" for letter in result.kind)[:80]
    place = findings / kind / result.item.replace(":", "-")
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(data)
    words = [result.kind, str(plan), f"smallest: {smaller}", f"python -m tests.fuzz --case {result.item}"]
    (place / "finding.txt").write_text("\n".join([*words, "", result.words]), "utf-8")
    print(
        f"{result.item}: {result.kind}: {smaller}\n  {len(data)} bytes in {place}",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
