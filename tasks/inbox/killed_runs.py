"""Remembers which files runs were killed over, so that a file that ends every run keeps no other one waiting.

While a run reads and scores a group, `running/scored-now.json` in the home names its files. What the next run finds
there was being scored when a run was killed: by a library that crashed, for want of memory, or by a person. From the
second time on such a file is scored last, alone, and from the fifth time on it is not scored unless it is named. A
file that failed alone is scored last and alone until it is scored.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from data_contracts.storage.durable import write_whole
from data_contracts.storage.home import Home
from tasks.inbox.source_files import FoundFile, SkippedFile, SourceFile

ALONE_FROM = 2
"""Killed runs from which on a file is scored last and alone."""
NEVER_FROM = 5
"""Those from which on it is not scored: alone it has killed three of them."""
_NAME = "scored-now.json"
_AnyFile = TypeVar("_AnyFile", FoundFile, SourceFile)


@dataclass(frozen=True)
class Arranged(Generic[_AnyFile]):
    """In which order a run scores files."""

    first: list[_AnyFile]
    last: list[_AnyFile]
    """Those over which several runs were killed, the likeliest cause last."""
    aside: list[SkippedFile]
    """Those that are not scored."""


@dataclass(frozen=True)
class KilledRuns:
    """How many runs in a row were killed while they scored a file, by its name, size and time."""

    counts: dict[str, int]

    def arrange(self, files: Sequence[_AnyFile], tries_all: bool) -> Arranged[_AnyFile]:
        """Return the order in which files are to be scored; `tries_all`: each, since somebody has named them."""
        first, last, aside = [], [], []
        for file in files:
            number = self.counts.get(_name(file), 0)
            if number < ALONE_FROM:
                first.append(file)
            elif number < NEVER_FROM or tries_all:
                last.append(file)
            else:
                problem = f"{number} runs in a row were killed or crashed while they scored it"
                way = "look at their memory and logs; `reviews score FILE` tries it again"
                aside.append(SkippedFile(file.uri, f"{problem}. Next: {way}"))
        return Arranged(first, sorted(last, key=lambda file: self.counts[_name(file)]), aside)


def read_killed_runs(home: Home) -> KilledRuns:
    """Return over which files of a home runs were killed; no run may be scoring in it."""
    path = home.running / _NAME
    try:
        found = json.loads(path.read_text("utf-8"))
        now, counts = list(found["now"]), {str(name): int(number) for name, number in found["killed"].items()}
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return KilledRuns({})  # a record that is lost only costs a few more tries
    for name in now:
        counts[name] = counts.get(name, 0) + 1
    if now:
        _write(path, [], counts)
    return KilledRuns(counts)


@contextmanager
def record_scoring(home: Home, files: Sequence[SourceFile]) -> Iterator[None]:
    """Record that files are being scored while the block runs; however it ends but by a kill, they are cleared."""
    path, names = home.running / _NAME, list(map(_name, files))
    counts = read_killed_runs(home).counts
    _write(path, names, counts)
    try:
        yield
    finally:
        for name in names:
            counts.pop(name, None)
        _write(path, [], counts)


def let_alone(home: Home, file: FoundFile) -> None:
    """Let later runs score a file last and alone, since it failed alone."""
    counts = read_killed_runs(home).counts
    counts[_name(file)] = max(ALONE_FROM, counts.get(_name(file), 0))
    _write(home.running / _NAME, [], counts)


def _name(file: FoundFile) -> str:
    """Return what a file is known by, so that a mended one is another."""
    return f"{file.uri} {file.size} {file.mtime_ns}"


def _write(path: Path, now: Sequence[str], counts: Mapping[str, int]) -> None:
    """Write which files are being scored and the counts; keep no record if there are neither."""
    if not (now or counts):
        path.unlink(missing_ok=True)
        return
    with write_whole(path) as building:
        building.write_text(json.dumps({"now": list(now), "killed": dict(counts)}), "utf-8")
