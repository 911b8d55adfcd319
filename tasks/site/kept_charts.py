"""Keeps the charts of the overview beside the pages, since to draw them takes longer than most makings of the site."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from data_contracts.storage.durable import write_all_whole
from tasks.pages.svg_charts import Chart
from tasks.site.overview_charts import draw_timeline
from tasks.site.overview_facts import Timeline
from tasks.site.record import digest, fingerprint_design

NAME = ".charts.json"


def find_charts(folder: Path, timeline: Timeline, sources: Sequence[str]) -> tuple[Chart, ...]:
    """Return the charts of figures over time, those kept in a folder if they are of the same figures and design."""
    drawn_from = digest((timeline, sources, fingerprint_design()))
    kept = _read_kept(folder, drawn_from)
    if kept is None:
        kept = draw_timeline(timeline, sources)
        content = {"drawn_from": drawn_from, "charts": [asdict(chart) for chart in kept]}
        write_all_whole(folder, [(NAME, json.dumps(content).encode())])
    return kept


def _read_kept(folder: Path, drawn_from: str) -> tuple[Chart, ...] | None:
    """Return the charts that are kept; None if there are none, or others."""
    try:
        content = json.loads((folder / NAME).read_text("utf-8"))
        if content["drawn_from"] != drawn_from:
            return None
        return tuple(
            Chart(**{**chart, "columns": tuple(chart["columns"]), "rows": tuple(map(tuple, chart["rows"]))})
            for chart in content["charts"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
