"""The lists of metrics in docs/operations.md, from those of the code."""

from collections.abc import Iterable

from deployments.metrics.metric_definitions import METRICS, Metric


def make_list(metrics: Iterable[Metric] = METRICS) -> str:
    """Return a Markdown list of metrics with their labels, by default those of `reviews up`."""
    return "\n".join(f"- `{each.name}{_describe_labels(each)}`: {each.meaning}" for each in metrics)


def _describe_labels(metric: Metric) -> str:
    return f"{{{','.join(metric.labels)}}}" if metric.labels else ""
