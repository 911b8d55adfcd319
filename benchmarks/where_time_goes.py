"""Profiles a large scoring run with py-spy: the share of time in each function, over all threads.

    python -m benchmarks.where_time_goes HOME [--rows 100000]

HOME has the archive's Parquet and a promoted model. Samples `score_group`, the commit and the publishing in a process
without Prefect, without threads that wait. A sample counts for the innermost function of this project on the stack,
including the library code that it called. Prints a Markdown table.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.whole_flow import ROOT, write_csv

RATE = 100
"""Samples a second."""
OURS = re.compile(r"(\w+) \(((?:models|tasks|data_contracts)/\S+\.py)(?::\d+)?\)")
SHOWN = 14
WORK = re.compile(r"(hash_file|score_group|keep_part|commit_parts|publish|_worker) \(")
"""The functions that do all the work; samples outside of them, such as imports, don't count."""
CODE = """
from functools import partial
from benchmarks.whole_flow import _measure_stages, main_of
main_of(partial(_measure_stages, once=True))
"""


def main() -> None:
    """Profile one run and print the share of samples by function."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        csv, samples = Path(folder) / "reviews.csv", Path(folder) / "samples"
        write_csv(arguments.home, csv, arguments.rows)
        spy = [str(Path(sys.executable).with_name("py-spy")), "record", "--format", "raw", "--threads"]
        command = [*spy, "--rate", str(RATE), "--output", str(samples), "--"]
        command += [sys.executable, "-c", CODE, str(arguments.home), str(csv)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        found = count_samples(samples.read_text("utf-8"))
    total = sum(found.values())
    print(f"{arguments.rows:,} reviews, {total:,} samples of working threads\n")
    print("| function | share |\n| --- | ---: |")
    for name, samples_there in found.most_common(SHOWN):
        print(f"| `{name}` | {samples_there / total:.1%} |")
    rest = total - sum(count for _, count in found.most_common(SHOWN))
    print(f"| all else | {rest / total:.1%} |")


def count_samples(raw: str) -> Counter[str]:
    """Count the samples of py-spy's raw output by the innermost function of this project."""
    found: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = OURS.findall(stack)
        if frames and WORK.search(stack):
            function, module = frames[-1]
            found[f"{module}: {function}"] += int(count)
    return found


if __name__ == "__main__":
    main()
