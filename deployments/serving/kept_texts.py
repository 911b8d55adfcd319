"""Keeps the texts that were answered, as files of a source of the inbox: the next run scores them into the database.

A file grows under a hidden name, which runs pass over, and gets its own when it is large or old enough. What a killed
server left is handed over by the next one. A text that can't be kept is answered all the same.
"""

import fcntl
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedRandom, FileIO
from pathlib import Path
from threading import Lock, Timer

from data_contracts.storage.durable import make_folder, put_in_place
from tasks.inbox.opening import open_to_change

MOST_TEXTS = 10_000
"""Texts of a file, after which the next one begins."""
MOST_SECONDS = 300.0
"""How long texts wait until runs can see them."""
_HIDDEN = ".asked-*.jsonl"


@dataclass(frozen=True)
class Keeping:
    """What keeps texts in a folder."""

    keep: Callable[[Sequence[str]], int]
    """Appends texts, and returns how many could not be kept: none, or all of them."""
    hand_over: Callable[[], None]
    """Lets runs see what was kept so far."""


@dataclass
class _Growing:
    """A file that texts are appended to, one line each."""

    path: Path
    file: FileIO
    handing_over: Timer
    texts: int = 0


def start_keeping(folder: Path) -> Keeping:
    """Keep texts in a folder, which is made where it is missing; hand over first what a killed server left there."""
    make_folder(folder)
    for left in sorted(folder.glob(_HIDDEN)):
        _hand_over_left(left)
    lock, warn = Lock(), _warn_once(folder)
    growing: _Growing | None = None

    def keep(texts: Sequence[str]) -> int:
        nonlocal growing
        with lock:
            try:
                growing = growing or _begin(folder, hand_over)
                _append(growing, texts)
            except OSError as error:
                warn(error)
                return len(texts)
            is_full = growing.texts >= MOST_TEXTS
        if is_full:
            hand_over()
        return 0

    def hand_over() -> None:
        nonlocal growing
        with lock:
            ended, growing = growing, None
            if ended is not None:
                ended.handing_over.cancel()
                try:
                    _finish(ended.file, ended.path)
                except OSError as error:
                    warn(error)

    return Keeping(keep, hand_over)


def _warn_once(folder: Path) -> Callable[[OSError], None]:
    """Return a function that says on standard error that texts can't be kept, once for each reason."""
    said: set[int | None] = set()

    def warn(error: OSError) -> None:
        if error.errno not in said:
            said.add(error.errno)
            reason = error.strerror or error
            sys.stderr.write(f"{folder}: texts can't be kept ({reason}). Next: see to that disk or folder.\n")

    return warn


def _begin(folder: Path, hand_over: Callable[[], None]) -> _Growing:
    """Begin a file, to be handed over after `MOST_SECONDS`."""
    now = datetime.now(UTC)
    path = folder / f".asked-{now:%Y%m%dT%H%M%S.%f}-{os.getpid()}.jsonl"
    file = FileIO(path, "xb")
    fcntl.flock(file, fcntl.LOCK_EX)  # another server of this home leaves it alone
    timer = Timer(MOST_SECONDS, hand_over)
    timer.daemon = True
    timer.start()
    return _Growing(path, file, timer)


def _append(growing: _Growing, texts: Sequence[str]) -> None:
    """Append texts, all or none."""
    start = growing.file.tell()
    rest = memoryview(b"".join(json.dumps({"text": text}).encode() + b"\n" for text in texts))
    try:
        while rest:
            rest = rest[growing.file.write(rest) :]
    except OSError:
        growing.file.truncate(start)
        growing.file.seek(start)
        raise
    growing.texts += len(texts)


def _finish(file: FileIO | BufferedRandom, hidden: Path) -> None:
    """Give a file, or what remains of it, its own name; delete one without texts."""
    with file:
        if os.fstat(file.fileno()).st_size:
            put_in_place(hidden, hidden.with_name(hidden.name.removeprefix(".")))
        else:
            hidden.unlink()


def _hand_over_left(path: Path) -> None:
    """Hand over what a killed server kept, without a line that it did not end; leave alone what a server has open."""
    with suppress(OSError), open_to_change(path) as file:  # a link may lead to a file of others
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.truncate(file.read().rfind(b"\n") + 1)
        _finish(file, path)
