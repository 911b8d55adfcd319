"""The table `findings`: what still holds stays open, what no longer holds is settled, what was accepted stays so."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from data_contracts.errors import UsageError
from tasks.findings.finding import KINDS, LEVELS, NOTE, Finding, merge
from tasks.support.who import name_user
from tasks.warehouse.database.duckdb_engine import begin_transaction
from tasks.warehouse.database.warehouse_connection import open_warehouse

Key = tuple[str, str]
OPEN, SETTLED, ACCEPTED = "open", "settled", "accepted"
Row = dict[str, Any]
"""A row of the table."""
LIST_OPEN = f"FROM findings WHERE state = '{OPEN}' ORDER BY number"
# What was settled and is not found again does not change, and there is ever more of it.
_LIST_KNOWN = f"FROM findings WHERE state <> '{SETTLED}' OR subject = ANY(?::VARCHAR[])"
_FIND_LAST = "SELECT coalesce(max(number), 0) FROM findings"
_EVENTS = tuple(name for name, kind in KINDS.items() if kind.is_event)
# An event of long ago is news to nobody, such as to a webhook that was set since.
_UNTOLD = f"""
SELECT * FROM findings WHERE told_at IS NULL AND CASE
    WHEN state = '{OPEN}' THEN level <> '{NOTE}' WHEN state = '{SETTLED}' THEN kind IN {_EVENTS}
END AND (state = '{OPEN}' OR last_seen > now() - INTERVAL 7 DAYS)
ORDER BY number
"""  # noqa: S608 (our own words)
_SAID = ("source", "level", "what", "next")


@dataclass(frozen=True)
class Noted:
    """What a look changed."""

    opened: tuple[Finding, ...] = ()
    """Those that were not open before; not those that somebody accepted."""
    seen: tuple[Finding, ...] = ()
    """All that were found and are open."""
    is_changed: bool = False


def note_findings(
    warehouse: Path,
    found: Iterable[Finding],
    covers: Callable[[Row], bool],
    run_id: str | None,
    when_opened: Callable[[Noted], object] = lambda noted: None,
) -> Noted:
    """Record what was found, in one transaction, and settle what was not found again; write nothing if nothing changed.

    `covers` says whether a finding of the table would have been found again. `when_opened` is called before the commit,
    so that a run that is killed in between tells twice rather than never.
    """
    with open_warehouse(warehouse, write=True) as connection, begin_transaction(connection):
        merged = merge(found)
        listed = read_findings(connection, _LIST_KNOWN, [[each.subject for each in merged]])
        known = {(row["kind"], row["subject"]): row for row in listed}
        [(last,)] = connection.execute(_FIND_LAST).fetchall()
        numbers, now = count(last + 1), datetime.now(UTC)
        rows, new, is_changed = dict[Key, Row](), set[Key](), False
        for finding in merged:
            kept = before = known.get(finding.key)
            if kept is None or _is_another(kept, finding):
                new.add(finding.key)
                kept = {
                    "number": before["number"] if before else next(numbers),
                    "state": SETTLED if finding.is_over else OPEN,
                    "first_run": run_id,
                    "first_seen": now,
                    "accepted_by": None,
                    "reason": None,
                    "told_at": now if finding.is_told else None,
                }
            said = {name: getattr(finding, name) for name in ("kind", "subject", *_SAID)}
            is_changed |= before is None or any(before[name] != said[name] for name in _SAID)
            rows[finding.key] = {**kept, **said, "last_run": run_id, "last_seen": now}
        gone = [
            row for key, row in known.items() if row["state"] != SETTLED and key not in rows and covers(row)
        ]
        seen = [row for row in rows.values() if row["state"] == OPEN]
        noted = Noted(
            opened=make_findings(row for row in seen if (row["kind"], row["subject"]) in new),
            seen=make_findings(seen),
            is_changed=is_changed or bool(new or gone),
        )
        if noted.is_changed:
            when_opened(noted)
            stored = [*rows.values(), *({**row, "state": SETTLED} for row in gone)]
            connection.register("renewed", pa.Table.from_pylist(stored))
            connection.execute("DELETE FROM findings USING renewed WHERE findings.number = renewed.number")
            connection.execute("INSERT INTO findings BY NAME FROM renewed")
            connection.unregister("renewed")
    return noted


def _is_another(before: Row, finding: Finding) -> bool:
    """Return whether a finding is not the one of its key that is known."""
    if KINDS[finding.kind].is_event and before["what"] != finding.what:
        return True
    if before["state"] == ACCEPTED:
        return bool(before["level"] != finding.level)
    return before["state"] == SETTLED and not finding.is_over


def make_findings(rows: Iterable[Row]) -> tuple[Finding, ...]:
    """Return rows as findings, each once, what weighs most first."""
    by_key = {(row["kind"], row["subject"]): row for row in rows}
    order = list(KINDS)
    return tuple(
        Finding(*(row[name] for name in ("kind", "subject", "what", "next", "level", "source")))
        for row in sorted(
            by_key.values(), key=lambda row: (LEVELS.index(row["level"]), order.index(row["kind"]))
        )
    )


def read_findings(
    connection: duckdb.DuckDBPyConnection, query: str = "FROM findings", values: Sequence[object] = ()
) -> list[Row]:
    """Return rows of the table."""
    found = connection.execute(query, list(values))
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def tell_untold(warehouse: Path, send: Callable[[Sequence[Finding]], bool]) -> None:
    """Send what the webhook was not told of, and remember what it got; what it did not get is sent by the next run."""
    if not warehouse.exists():
        return
    with open_warehouse(warehouse, write=False) as connection:
        rows = read_findings(connection, _UNTOLD)
    if rows and send(make_findings(rows)):
        with open_warehouse(warehouse, write=True) as connection:
            connection.execute(
                "UPDATE findings SET told_at = now() WHERE number = ANY(?::BIGINT[])",
                [[row["number"] for row in rows]],
            )


def accept_finding(warehouse: Path, named: Sequence[str], reason: str) -> Finding:
    """Accept an open finding, named by its number or by its kind and subject; return it.

    Raises `UsageError` if none is open that is named so.
    """
    is_it = "number = TRY_CAST(? AS BIGINT)" if len(named) == 1 else "kind = ? AND subject = ?"
    query = f"FROM ({LIST_OPEN}) WHERE {is_it}"
    with open_warehouse(warehouse, write=True) as connection:
        rows = read_findings(connection, query, named)
        if not rows:
            raise UsageError(
                f"No open finding is named {' '.join(named)}. Next: `reviews findings` lists them."
            )
        connection.execute(
            f"UPDATE findings SET state = '{ACCEPTED}', accepted_by = ?, reason = ? WHERE number = ?",  # noqa: S608
            [name_user(), reason, rows[0]["number"]],
        )
    return make_findings(rows)[0]
