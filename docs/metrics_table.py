"""The tables of metrics in docs/operations.md, from the lists of the code."""

from collections.abc import Iterable

from deployments.metrics.metric_definitions import METRICS, Metric
from docs.markdown import escape_cell, format_table

COLUMNS = ("metric, with its labels", "meaning")


def make_table(metrics: Iterable[Metric] = METRICS) -> str:
    """Return the Markdown table of metrics, by default those of `reviews up`."""
    rows = [[f"`{each.name}{_describe_labels(each)}`", escape_cell(each.meaning)] for each in metrics]
    return format_table(COLUMNS, rows, words=len(COLUMNS))


def _describe_labels(metric: Metric) -> str:
    return f"{{{','.join(metric.labels)}}}" if metric.labels else ""
