"""Checks every promise on a home and its stores, says which hold, and keeps what was found."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain

from data_contracts.errors import ReviewsError, WarehouseBusyError, WarehouseError
from data_contracts.storage.home import Home
from tasks.maintenance.data_promises import (
    BUNDLES_PROMISE,
    COPY_PROMISE,
    OUTSIDE_TABLES,
    PARQUET_PROMISE,
    PROMISES,
    RECORD_PROMISE,
    SNAPSHOT_PROMISE,
)
from tasks.maintenance.verification import Finding, check_files, verify
from tasks.maintenance.verified_changes import (
    begin_proof,
    find_changed,
    keep_broken,
    read_proof,
    write_proof,
)
from tasks.snapshots.after_runs import find_faults
from tasks.snapshots.forgotten_beside import note_forgotten
from tasks.support.lock_holders import keep_runs_out
from tasks.support.wording import count, escape_controls
from tasks.warehouse.database.warehouse_connection import require_warehouse
from tasks.warehouse.published import REPUBLISH_ADVICE
from tasks.warehouse.publishing import needs_publishing


def verify_home(home: Home, check_all: bool, say: Callable[[str], None], store: str | None = None) -> None:
    """Say of each promise whether it holds; raise `ReviewsError` at the end if one does not.

    Reads only what changed since the last check that found all promises kept, unless `check_all`. `store`: where runs
    keep snapshots.
    """
    require_warehouse(home.warehouse, "`reviews score`, or `reviews restore`")
    with keep_runs_out(home, say):
        before = None if check_all else read_proof(home)
        changed = find_changed(home, before) if before else None
        proof = begin_proof(home, before if changed else None)
        if before is None or changed is None:
            say("Checking every row.")
        else:
            say(
                f"Checking the rows of {count(changed.files, 'file')} changed since {before.checked_at}; all rows were "
                f"last checked at {before.all_checked_at} (--all checks them again)."
            )
        broken = _check_and_keep(home, chain(verify(home, changed), _check_snapshot(home, store)), say)
        if broken <= OUTSIDE_TABLES:
            write_proof(home, replace(proof, parquet=None) if PARQUET_PROMISE in broken else proof)
        for line in note_forgotten(home):
            say(f"note    {escape_controls(line)}")
        if broken:
            raise ReviewsError(f"{count(len(broken), 'promise')} broken. Next: {_advise(broken, home)}")
    say("All promises hold.")


def _check_snapshot(home: Home, store: str | None) -> Iterator[Finding]:
    """Check the newest snapshot in a store; nothing without a store."""
    if store is not None and home.published.exists():
        yield check_files(SNAPSHOT_PROMISE, partial(find_faults, home, store))


def _check_and_keep(home: Home, findings: Iterator[Finding], say: Callable[[str], None]) -> set[str]:
    """Say of each promise whether it holds; keep in the home, and return, those that do not.

    A database that can't be read to its end is kept as broken too.
    """
    broken = set[str]()
    try:
        for finding in findings:
            say(_describe_finding(finding))
            if finding.broken:
                broken.add(finding.promise)
    except WarehouseBusyError:
        raise
    except WarehouseError as error:
        keep_broken(home, [str(error).partition(" Next: ")[0].rstrip(".")], is_proven=False)
        raise
    keep_broken(home, broken, is_proven=not broken & PROMISES.keys())
    return broken


def _advise(broken: set[str], home: Home) -> str:
    """Return what to do where these promises are broken."""
    if broken == {RECORD_PROMISE}:
        return "`reviews score` mends that: it forgets again what came back, and writes down what is missing."
    if broken == {SNAPSHOT_PROMISE}:
        return "the next run uploads what is missing there, `reviews score` now; the database is whole."
    if broken <= {COPY_PROMISE, SNAPSHOT_PROMISE}:
        anew = "`reviews score`, which publishes a new copy."
        is_replaced = not home.published.is_dir() and needs_publishing(home)
        return f"only the published copy is wrong: {anew if is_replaced else REPUBLISH_ADVICE}"
    if broken == {BUNDLES_PROMISE}:
        return (
            "do what is said of each bundle above; the database is whole. Another champion can score in its place, "
            "but the promise is broken until the bundle is back as it was promoted."
        )
    return "correct what is named above, or `reviews restore` a backup."


def _describe_finding(finding: Finding) -> str:
    """Describe for `reviews verify` whether a promise holds."""
    if not finding.broken:
        return f"ok      {finding.promise}"
    more = finding.broken - len(finding.examples)
    lines = [f"BROKEN  {finding.promise}: {finding.broken:,}"]
    lines += [f"        - {escape_controls(each)}" for each in finding.examples]
    lines += [f"        - and {more:,} more"] if more else []
    return "\n".join(lines)
