"""Describes which sources sent rows that do not count, since they are not in English."""

from collections.abc import Collection
from itertools import groupby
from operator import itemgetter

import duckdb

from data_contracts.rules_and_limits import COUNT_THEM, NOT_ENGLISH
from tasks.support.wording import count, quote_word

FILES_NAMED = 5
"""Most files of a source that a description names."""
_LIST_WARNED = """
SELECT files.source, files.uri, unexpected_count
FROM contract_results AS checks JOIN scored_files AS files USING (source_sha256, run_id)
WHERE run_id = ANY($runs::VARCHAR[]) AND checks.rule = $rule AND NOT success
GROUP BY ALL ORDER BY files.source, unexpected_count DESC, files.uri
"""


def describe_languages(connection: duckdb.DuckDBPyConnection, run_ids: Collection[str]) -> list[str]:
    """Return a phrase for each source of which these runs scored files with too many rows that are not in English."""
    parameters = {"runs": list(run_ids), "rule": NOT_ENGLISH}
    warned = connection.execute(_LIST_WARNED, parameters).fetchall()
    return [
        _describe_source(source, [(uri, rows) for _, uri, rows in files])
        for source, files in groupby(warned, itemgetter(0))
    ]


def _describe_source(source: str, files: list[tuple[str, int]]) -> str:
    """Describe the rows of one source; `files` are their files, with the number of rows of each."""
    named = ", ".join(f"{uri} ({rows:,})" for uri, rows in files[:FILES_NAMED])
    more = f" and {len(files) - FILES_NAMED:,} more" if len(files) > FILES_NAMED else ""
    rows = sum(rows for _, rows in files)
    return (
        f"{count(rows, 'row')} of the source {source} {'is' if rows == 1 else 'are'} not in English, so in no rating "
        f"or share: {named}{more}. Next: nothing, or {COUNT_THEM}, then `reviews sources rescan {quote_word(source)}`; "
        f"`reviews sources init {quote_word(source)} FILE` makes a profile where there is none"
    )
