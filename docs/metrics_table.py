"""The table of metrics in docs/operations.md, from `deployments/metrics/metric_names.py`."""

from deployments.metrics.metric_names import METRICS
from docs.markdown import escape_cell, format_table

COLUMNS = ("metric", "labels", "meaning")


def make_table() -> str:
    """Return the Markdown table of all metrics that are served."""
    rows = [
        [f"`{each.name}`", ", ".join(f"`{label}`" for label in each.labels), escape_cell(each.meaning)]
        for each in METRICS
    ]
    return format_table(COLUMNS, rows, words=len(COLUMNS))
