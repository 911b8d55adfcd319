"""Keeps the charts of a page beside the pages, since to draw them takes longer than most makings of the site."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from data_contracts.storage.durable import write_all_whole
from tasks.pages.svg_charts import Chart
from tasks.site.page_record import digest, fingerprint_design

OVERVIEW, MODELS = ".charts.json", ".model-charts.json"
"""The files in which the charts of these pages are kept."""


def find_charts(path: Path, figures: object, draw: Callable[[], tuple[Chart, ...]]) -> tuple[Chart, ...]:
    """Return the charts of these figures, those kept in a file if they are of the same ones and the same design."""
    drawn_from = digest((figures, fingerprint_design()))
    kept = _read_kept(path, drawn_from)
    if kept is None:
        kept = draw()
        content = {"drawn_from": drawn_from, "charts": [asdict(chart) for chart in kept]}
        write_all_whole(path.parent, [(path.name, json.dumps(content).encode())])
    return kept


def _read_kept(path: Path, drawn_from: str) -> tuple[Chart, ...] | None:
    """Return the charts that are kept; None if there are none, or others."""
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["drawn_from"] != drawn_from:
            return None
        return tuple(
            Chart(**{**chart, "columns": tuple(chart["columns"]), "rows": tuple(map(tuple, chart["rows"]))})
            for chart in content["charts"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
