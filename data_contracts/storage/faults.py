"""Fault points: named places at which a test may kill the process, as a power cut would.

Set REVIEWS_FAULT to a point's name to kill the process there by SIGKILL, or to `name#n` to kill it at the n-th
passing. `halt name` stops the process instead, until it gets SIGCONT: a test can then do something else meanwhile.
Without the variable nothing happens. `FAULT_POINTS` lists every name, so that a test can try them all.
"""

import os
import signal
from collections import Counter

from data_contracts.errors import UsageError

VARIABLE = "REVIEWS_FAULT"
HALT = "halt "
"""What stands before the name of a point at which the process is stopped instead of killed."""

FAULT_POINTS = {
    "ingest: archive fetched": "the archive is on disk and checked, but not read",
    "ingest: between row groups": "one split is partly written, under its temporary name",
    "ingest: before in place": "all three splits are written, under their temporary names",
    "ingest: between splits": "one of the three splits is renamed to its final name",
    "ingest: before published": "the run is recorded as done, but not in the published copy",
    "train: before checkpoint": "a checkpoint is written, under its temporary name",
    "train: after an epoch": "the checkpoint of the epoch has its final name",
    "train: bundle half written": "the bundle is partly written, under its temporary name",
    "train: bundle written": "the bundle has its final name, but is not recorded",
    "train: before promotion": "the model is recorded, but the gate has not judged it",
    "train: inside promotion": "the promotion is in an uncommitted transaction",
    "train: after promotion": "the model is the champion, but not in the published copy",
    "score: files seen": "the files of the inbox are recorded, but not scored",
    "score: batch scored": "a chunk is scored, but not in the part",
    "score: part half written": "the part is written under its temporary name, but not checked",
    "score: part written": "the part has its final name, but is not committed",
    "score: inside commit": "all rows are in an uncommitted transaction",
    "score: after commit": "the rows are committed, but their part is not deleted",
    "score: copy half written": "the published copy is partly written, under its temporary name",
    "score: inside publishing": "the published copy is written, under its temporary name",
    "score: standby kept": "the old copy also has the name of the standby, the new one its temporary name",
    "score: before reported": "all is committed and published, but the run's end is not reported to Prefect",
    "shadow: group scored": "the champion's run is reported; the shadow's scores are written under a temporary name",
    "shadow: inside commit": "the shadow's scores are in an uncommitted transaction",
    "shadow: after commit": "the shadow's scores are committed, but not in the published copy",
    "engine: batch taken": "a worker has got a batch of texts, and scored none",
    "engine: batch scored": "a worker has scored a batch, and the run does not have the scores",
    "rescan: reading replaced": "a later reading counts in place of the one before, in an uncommitted transaction",
    "deliver: a ledger begun": "the ledger of a folder no longer has what is to be written, and no file is written",
    "deliver: a file in place": "a file of a folder is written or deleted, and its ledger does not have that yet",
    "deliver: a ledger written": "the files of a batch are written, and the ledger lists them",
    "postgres: inside a transaction": "a batch is in an uncommitted transaction of the destination's database",
    "postgres: a transaction committed": "a batch is in the table, and the ledger beside it has that",
    "snapshot: chunk written": "one of the chunks that the place lacks is written, and no manifest names it",
    "snapshot: chunks written": "all chunks are written, without a manifest, so there is no new snapshot",
    "snapshot: in place": "the manifest is written, and older snapshots are not yet deleted",
    "snapshot: older one dropped": "the manifest of the oldest snapshot is deleted, and its chunks are there",
}
"""Each fault point, and the state on disk and in the database when the process dies there."""

_passed: Counter[str] = Counter()


def require_known(asked: str) -> None:
    """Raise `UsageError` unless `asked`, the variable's value, is empty or a fault point.

    `halt ` may stand before its name, and `#n` after it, n from 1.
    """
    name, mark, passing = asked.removeprefix(HALT).partition("#")
    if asked and (name not in FAULT_POINTS or (mark and not (passing.isdecimal() and int(passing)))):
        raise UsageError(
            f"{VARIABLE} kills the command at a fault point, and {asked[:80]!r} is none. Next: unset it, or choose "
            f"one of: {', '.join(FAULT_POINTS)}; with #2 at its second passing."
        )


def pass_fault_point(name: str) -> None:
    """Kill or stop the process if REVIEWS_FAULT names this point and passing; `name` is one of `FAULT_POINTS`."""
    value = os.environ.get(VARIABLE, "")
    asked, _, passing = value.removeprefix(HALT).partition("#")
    if asked != name:
        return
    _passed[name] += 1
    if _passed[name] == int(passing or 1):
        os.kill(os.getpid(), signal.SIGSTOP if value.startswith(HALT) else signal.SIGKILL)
