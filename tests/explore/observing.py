"""Reads the state of a home from the disk by plain SQL and file names, without the program's code."""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from tests.explore.model import Database, Entry, Key

_LEDGER = """
SELECT
    source_sha256, model_id, CASE status WHEN 'scored' THEN status ELSE rule END, rows_read, run_id, commit_number, uri,
    profile_version, superseded_at, grown_into, coalesce(refused_as, [])
FROM scored_files
"""
_SEEN = "SELECT uri, source_sha256 FROM inbox_files"
_SCORES = """
SELECT source_sha256, row_number, model_id, text, score FROM scored_reviews
LEFT JOIN source_reviews USING (source_sha256, row_number)
"""
_TEXTS = "SELECT source_sha256, row_number, text FROM source_reviews"
_QUARANTINE = "SELECT source_sha256, row_number, rule, released_at IS NULL FROM quarantined_rows"
_FORGOTTEN = "SELECT source_sha256, row_number FROM forgotten_rows"
_TABLES = ("source_reviews", "scored_reviews", "quarantined_rows", "scored_files")
_PROMOTIONS = "SELECT action, model_id FROM promotions ORDER BY number"


@dataclass(frozen=True)
class Observed:
    """The content of a database."""

    database: Database
    rows_read: dict[tuple[str, str], int]
    """Of each scored file and model."""
    runs: dict[tuple[str, str], str]
    """By which each was scored."""
    texts: dict[tuple[str, int], str]
    scores: dict[tuple[str, str], set[float]]
    """By model and text."""
    doubled: tuple[Any, ...]
    """Keys that are there more than once."""


def list_backups(folder: Path) -> set[Path]:
    """Return the manifests of all backups of a history."""
    return {*folder.glob("home/backups/0*.json"), *folder.glob("kept/0*.json")}


def list_chunks(manifest: Path) -> set[Path]:
    """Return the chunks of a backup."""
    stated = json.loads(manifest.read_bytes())
    pieces = [name for file in stated["files"].values() for name in file["chunks"]]
    return {manifest.parent / "chunks" / each.split()[0] for each in (*stated["chunks"], *pieces)}


def is_whole(manifest: Path) -> bool:
    """Return whether every chunk of a backup is what its name says."""
    chunks = list_chunks(manifest)
    return all(path.is_file() and sha256(path.read_bytes()).hexdigest() == path.name for path in chunks)


def observe(path: Path) -> Observed:
    """Read a database that no process has open."""
    with duckdb.connect(str(path), read_only=True) as connection:
        read = {
            name: connection.execute(query).fetchall()
            for name, query in (
                ("ledger", _LEDGER),
                ("scores", _SCORES),
                ("texts", _TEXTS),
                ("quarantine", _QUARANTINE),
                ("forgotten", _FORGOTTEN),
                ("promotions", _PROMOTIONS),
                ("seen", _SEEN),
            )
        }
    scores: dict[tuple[str, str], set[float]] = {}
    for *_, model, text, score in read["scores"]:
        scores.setdefault((model, text), set()).add(score)
    return Observed(
        _make_database(read),
        {(sha, model): rows for sha, model, status, rows, *_ in read["ledger"] if status == "scored"},
        {(sha, model): run for sha, model, status, _, run, *_ in read["ledger"] if status == "scored"},
        {(sha, number): text for sha, number, text in read["texts"]},
        scores,
        (
            *_find_doubled([row[:3] for row in read["scores"]]),
            *_find_doubled([row[:2] for row in read["texts"]]),
            *_find_doubled([row[:2] for row in read["quarantine"]]),
        ),
    )


def read_forgotten(path: Path) -> set[Key]:
    """Return the forgotten rows of a database; none if it is missing or damaged."""
    with suppress(duckdb.Error), duckdb.connect(str(path), read_only=True) as connection:
        return set(connection.execute(_FORGOTTEN).fetchall())
    return set()


def _make_database(read: dict[str, list[Any]]) -> Database:
    return Database(
        ledger={(sha, model): status for sha, model, status, *_ in read["ledger"]},
        texts={(sha, number) for sha, number, _ in read["texts"]},
        scores={(sha, number, model) for sha, number, model, *_ in read["scores"]},
        open={(sha, number): rule for sha, number, rule, is_open in read["quarantine"] if is_open},
        released={(sha, number) for sha, number, _, is_open in read["quarantine"] if not is_open},
        forgotten=set(read["forgotten"]),
        superseded={(sha, model) for sha, model, *_, superseded_at, _, _ in read["ledger"] if superseded_at},
        versions={sha: row[0] for sha, _, status, _, _, _, _, *row in read["ledger"] if status == "scored"},
        promotions=read["promotions"],
        entries={
            (sha, model): replace(Entry(*values), refused_as=tuple(refused_as))
            for sha, model, _, _, _, *values, refused_as in read["ledger"]
        },
        seen=dict(read["seen"]),
    )


def _find_doubled(keys: Sequence[Any]) -> list[Any]:
    return [key for key, copies in Counter(keys).items() if copies > 1]


@dataclass(frozen=True)
class WaitingPart:
    """An uncommitted part on disk."""

    name: str
    model: str
    files: frozenset[str]
    run: str


def list_parts(parts_dir: Path, damaged: Collection[str]) -> list[WaitingPart]:
    """Return the uncommitted parts, except damaged ones, in the order of their names."""
    found = []
    for folder in sorted(parts_dir.glob("*")):
        # A part that was committed and whose removal was cut short is none any more.
        is_whole = all((folder / f"{table}.parquet").is_file() for table in _TABLES)
        if is_whole and not folder.name.startswith(".") and folder.name not in damaged:
            rows = pq.read_table(folder / "scored_files.parquet").to_pylist()
            files = frozenset(row["source_sha256"] for row in rows)
            if rows:  # there are none where all files wait for a corrected profile
                found.append(WaitingPart(folder.name, rows[0]["model_id"], files, rows[0]["run_id"]))
    return found


def hash_files(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file below a folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def read_export(folder: Path) -> Counter[tuple[str, int, str]]:
    """Count the rows of an export by key, as a user who loads the folder sees them."""
    files = sorted(str(path) for path in folder.glob("day=*/reviews-*.parquet"))
    if not files:
        return Counter()
    query = "SELECT source_sha256, row_number, model_id FROM read_parquet(?)"
    return Counter(duckdb.execute(query, [files]).fetchall())


def find_bytes(home: Path, looked_for: Sequence[bytes]) -> list[Path]:
    """Return the files of a home that contain one of these byte strings."""
    return [
        path for path in sorted(home.rglob("*")) if path.is_file() and _holds(path.read_bytes(), looked_for)
    ]


def _holds(content: bytes, looked_for: Sequence[bytes]) -> bool:
    return any(each in content for each in looked_for)
