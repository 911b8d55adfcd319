"""Drops exports of ten platforms into ten sources, and compares what was scored with what a person would say."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.e2e.deployed import Deployed

EXPORTS = Path(__file__).parents[1] / "support" / "known_exports"
SOURCES = (
    *("amazon-2023", "app-store-connect", "google-play-console", "google-takeout", "letterboxd"),
    *("rotten-tomatoes", "steam", "tmdb", "trustpilot", "yotpo"),
)
"""Each is the name of the profile by which its export is read."""
COLUMNS = ("text", "review_id", "movie_id", "reviewed_at", "given_rating", "given_label")

Rows = list[dict[str, Any]]


def drop_exports(home: Path) -> dict[str, Rows]:
    """Put ten exports into the folders of their sources; return what a person would say of the rows of each."""
    return {source: _drop_export(home, source) for source in SOURCES}


def _drop_export(home: Path, source: str) -> Rows:
    """Put an export into the folder of its source; return the rows that are good."""
    folder, expected = home / "inbox" / source, EXPORTS / f"{source}.expected.jsonl"
    [export] = [path for path in EXPORTS.glob(f"{source}.*") if path != expected]
    folder.mkdir()
    shutil.copy(export, folder)
    rows = map(json.loads, expected.read_text("utf-8").splitlines())
    return [row for row in rows if "rule" not in row]


def compare_source(up: Deployed, source: str, expected: Rows) -> None:
    """Compare the scored rows of a source with what a person would say, but for texts that the model can't read."""
    found = up.ask(
        f"select {', '.join(COLUMNS)} from scored_reviews scored join source_reviews "
        f"using (source_sha256, row_number) where scored.source = '{source}' order by row_number"
    )
    query = f"select decode(raw) from quarantined_rows where rule = 'text_no_known_word' and uri like '{source}/%'"
    unread = {text for (text,) in up.ask(query)}
    rows = [{name: _show(value) for name, value in zip(COLUMNS, row, strict=True)} for row in found]
    kept = [row for row in expected if row["text"] not in unread]
    assert rows == [{name: _show(_parse(name, row.get(name))) for name in COLUMNS} for row in kept]


def _parse(name: str, value: Any) -> Any:
    """Return a value of an expected row; its dates are texts."""
    if name != "reviewed_at" or value is None:
        return value
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _show(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
