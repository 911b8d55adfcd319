"""A process that reads mutated files one after the other and writes the result of each to its output.

Its input has lines: 'cases SEED START STOP STEP' makes and reads those cases, 'file PATH' reads one file. For each
file it writes '> ITEM' before, and '< JSON' with the result after. If it dies, the last item is the cause.
"""

import faulthandler
import json
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.fuzz.cases import build, plan_case
from tests.fuzz.judging import judge

MEMORY_BYTES = 3 << 29
"""1.5 GiB: what reading one file may take, in this process and those that it starts, beyond what they held before."""
FINDING = "finding"
LEFT = 3
"""The exit status of a worker that took too much memory, and so makes place for another."""


def main() -> None:
    """Serve until the input ends; the argument is the folder to write files to."""
    faulthandler.enable()
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        kind, _, rest = line.strip().partition(" ")
        items = [rest] if kind == "file" else _name_cases(rest)
        for item in items:
            _serve(folder, kind, item)
        write_line("=")


def write_line(line: str) -> None:
    """Write a line and flush it: the process may die at the next file."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _name_cases(words: str) -> Iterator[str]:
    seed, start, stop, step = map(int, words.split())
    return (f"{seed}:{number}" for number in range(start, stop, step))


def _serve(folder: Path, kind: str, item: str) -> None:
    path = Path(item) if kind == "file" else _write_case(folder, item)
    write_line(f"> {item}")
    outcome = read(path)
    write_line("< " + json.dumps(outcome))
    if outcome.get("kind") == "memory":
        sys.exit(LEFT)
    if kind != "file":
        path.unlink()


def _write_case(folder: Path, item: str) -> Path:
    seed, number = map(int, item.split(":"))
    name, data = build(plan_case(seed, number))
    path = folder / name
    path.write_bytes(data)
    return path


def read(path: Path) -> dict[str, Any]:
    """Read a file; return its outcome, and for a finding its kind and position."""
    _reset_peak()
    held = measure_peak()
    try:
        outcome = {"outcome": judge(path)}
    except BaseException as error:
        outcome = {"outcome": FINDING, "kind": _name_error(error), "words": traceback.format_exc()[-6000:]}
    if (taken := measure_peak() - held) > MEMORY_BYTES:
        outcome = {"outcome": FINDING, "kind": "memory", "words": f"{taken >> 20:,} MiB"}
    return outcome


def _name_error(error: BaseException) -> str:
    """Return an error's type, its position and, for our own assertions, the message."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename
    ]
    words = f" {error}"[:60] if isinstance(error, AssertionError) else ""
    return f"{type(error).__name__} in {Path(frames[-1].filename).name}:{frames[-1].name}{words}"


def _list_processes() -> list[Path]:
    """List this process and those that it started, by their folders in /proc."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii").split()
    return [Path("/proc/self"), *(Path("/proc") / child for child in children)]


def _reset_peak() -> None:
    for process in _list_processes():
        with suppress(OSError):
            (process / "clear_refs").write_text("5")


def measure_peak() -> int:
    """Return the peak memory in bytes of this process and its children since the last reset, added up."""
    peak = 0
    for process in _list_processes():
        with suppress(OSError):
            status = (process / "status").read_text("ascii")
            peak += int(status.partition("VmHWM:")[2].split()[0]) << 10 if "VmHWM:" in status else 0
    return peak


if __name__ == "__main__":
    main()
