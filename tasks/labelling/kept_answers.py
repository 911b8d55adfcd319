"""Keeps the answers of a session of `reviews models label`: a line each in a file of the inbox, safe once given.

While the session lasts, the file's name ends in `.part`, which no run takes in, and the session holds a lock on it.
That of a session that was killed gets its final name by the next session or run. The lines have no texts, only their
digests, so nothing that `reviews forget` must find.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

from data_contracts.storage.durable import make_durable, make_folder, move_all, name_full_disk
from data_contracts.storage.home import Home
from tasks.inbox.opening import open_to_change
from tasks.labelling.choosing import ChosenReview
from tasks.support.locking import hold_folder, lock_file

UNFINISHED = ".part"
"""Ending of the file of a session that lasts."""


@dataclass(frozen=True)
class Answers:
    """The open file of a session."""

    path: Path
    """Its final name."""
    file: BinaryIO
    starts: list[int]
    """Where each line begins."""


@dataclass(frozen=True)
class Answer:
    """What somebody said of a review. Without a label and stars it was skipped."""

    label: str | None = None
    """'positive' or 'negative'."""
    stars: int | None = None
    """1 to 10."""


@contextmanager
def open_answers(home: Home) -> Iterator[Answers]:
    """Open a new file for answers, and give it its final name when the block ends, however it ends."""
    make_folder(home.labels)
    now = datetime.now(UTC)
    path = home.labels / f"{now:%Y-%m-%dT%H-%M-%S}-{now.microsecond:06}.jsonl"
    unfinished = path.with_name(path.name + UNFINISHED)
    # The lock on the folder keeps `finish_sessions` away until that on the file is taken.
    with hold_folder(home.labels):
        file = cast(BinaryIO, unfinished.open("xb", buffering=0))
        lock_file(file)
    with file:
        try:
            yield Answers(path, file, [])
        finally:
            _finish(unfinished)


def keep_answer(answers: Answers, review: ChosenReview, answer: Answer) -> None:
    """Write an answer, so that it survives a kill and a power cut."""
    line = {
        "label_of": review.text_sha256,
        "label": answer.label,
        "stars": answer.stars,
        "skipped": answer == Answer(),
        "drawn": review.drawn,
        "labelled_at": datetime.now(UTC).isoformat(),
    }
    start = answers.file.tell()
    try:
        with name_full_disk(answers.path):
            _write(answers.file, f"{json.dumps(line)}\n".encode())
            make_durable(Path(answers.file.name))
    except OSError:
        answers.file.truncate(start)  # a part of a line is no answer
        raise
    answers.starts.append(start)


def _write(file: BinaryIO, line: bytes) -> None:
    """Write all of a line; a disk that gets full takes a part first, and fails at the rest."""
    left = memoryview(line)
    while left:
        left = left[file.write(left) :]


def take_back(answers: Answers) -> None:
    """Delete the last answer."""
    start = answers.starts.pop()
    answers.file.seek(start)
    answers.file.truncate()


def finish_sessions(home: Home) -> None:
    """Give the files of sessions that were killed their final names, without a line that was not written to its end."""
    with hold_folder(home.labels):
        for unfinished in sorted(home.labels.glob(f"*.jsonl{UNFINISHED}")):
            with suppress(OSError), open_to_change(unfinished) as file:  # a link may lead to a file of others
                if lock_file(file):
                    file.truncate(file.read().rfind(b"\n") + 1)
                    _finish(unfinished)


def _finish(unfinished: Path) -> None:
    """Give the file of a session its final name, or delete it if it has no answer."""
    if unfinished.stat().st_size:
        move_all([(unfinished, unfinished.with_suffix(""))])
    else:
        unfinished.unlink()
