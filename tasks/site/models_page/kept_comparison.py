"""Keeps beside the pages how the shadow does beside champions, since to compare them takes as long as half a making.

It is compared anew where the shadow has scored more, a champion has scored its files too, or rows count no more. Labels
that come later for reviews that it has scored are seen then.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_contracts.storage.durable import write_all_whole
from tasks.queries.run_query import Ask
from tasks.report.run_choice import Row
from tasks.site.page_record import digest, fingerprint_design

NAME = ".comparison.json"
_READ_STATE = """
WITH files AS (SELECT source_sha256, committed_at FROM shadow_files WHERE model_id = $model_id)
SELECT
    (SELECT (count(*), max(committed_at)) FROM files)::VARCHAR AS scored,
    (
        SELECT (count(*), count(superseded_at), max(committed_at))
        FROM scored_files SEMI JOIN files USING (source_sha256)
    )::VARCHAR AS scored_by_champions,
    (SELECT count(*) FROM promotions) AS promotions,
    (SELECT count(*) FROM forgotten_rows) AS forgotten
"""
_COMPARE = "SELECT * FROM shadow_comparison WHERE model_id = $model_id ORDER BY source NULLS FIRST"


def find_comparison(ask: Ask, folder: Path, model_id: str) -> Sequence[dict[str, Any]]:
    """Return the rows of `shadow_comparison` of a shadow, those kept in a folder if nothing has changed since."""
    which = {"model_id": model_id}
    [state] = ask(_READ_STATE, which)
    compared_from = digest((model_id, dict(state), fingerprint_design()))
    kept = _read_kept(folder, compared_from)
    if kept is None:
        # Nothing is read of the scores of champions where the shadow has none.
        kept = [dict(row) for row in ask(_COMPARE, which)] if _has_scored(ask, which) else []
        if folder.is_dir():
            content = {"compared_from": compared_from, "rows": kept}
            write_all_whole(folder, [(NAME, json.dumps(content).encode())])
    return kept


def _has_scored(ask: Ask, which: Row) -> bool:
    """Return whether a shadow has scored any file."""
    return bool(ask("FROM shadow_files WHERE model_id = $model_id LIMIT 1", which))


def _read_kept(folder: Path, compared_from: str) -> list[dict[str, Any]] | None:
    """Return the rows that are kept; None if there are none, or others."""
    try:
        content = json.loads((folder / NAME).read_text("utf-8"))
        return [dict(row) for row in content["rows"]] if content["compared_from"] == compared_from else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
