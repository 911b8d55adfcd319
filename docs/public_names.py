"""Lists the names on which other programs and people may rely; `python -m docs.public_names` writes them at a release.

They are columns of tables, views and destinations, names in answers about texts, named queries, settings, commands with
their options, deployments, events, and metrics with their labels. A test requires that every name in
`docs/public-names.txt` is still there.
"""

import re
from collections.abc import Iterator

import click

from data_contracts.queries import list_names
from deployments.metrics.metric_definitions import METRICS
from deployments.serving.metrics import SERVING
from deployments.settings import DEPLOYMENTS
from docs import events_table, settings_table, tables_page
from docs.pages import DOCS
from flows.command.cli import main as reviews
from tasks.delivery.columns import COLUMNS
from tasks.texts.scores import ANSWER_SCHEMA

FILE = DOCS / "public-names.txt"


def list_public_names() -> list[str]:
    """Return every public name of this version, with its kind before it, in alphabetical order."""
    queries = (f"query {name}" for name in list_names())
    settings = (f"setting {name}" for name in _find_first_cells(settings_table.make_table()))
    events = (f"event {name}" for name in _find_first_cells(events_table.make_table()))
    deployments = (f"deployment {name}/{name}" for name in DEPLOYMENTS)
    metrics = (f"metric {metric.name} {{{', '.join(metric.labels)}}}" for metric in (*METRICS, *SERVING))
    delivered = (f"destination {name}" for name in COLUMNS)
    answers = (f"answer {name}" for name in ANSWER_SCHEMA.names)
    commands = _list_commands(reviews, "reviews")
    return sorted(
        {
            *_list_columns(),
            *queries,
            *settings,
            *commands,
            *deployments,
            *events,
            *metrics,
            *answers,
            *delivered,
        }
    )


def read_released_names() -> list[str]:
    """Return the public names of the last release."""
    return FILE.read_text("utf-8").splitlines()


def _list_columns() -> Iterator[str]:
    """Yield the columns of all tables and views."""
    for relation in tables_page.read_relations():
        yield from (f"column {relation.name}.{column.name}" for column in relation.columns)


def _find_first_cells(table: str) -> list[str]:
    """Return the names in the first column of a Markdown table."""
    return re.findall(r"^\| `([\w.]+)` \|", table, re.MULTILINE)


def _list_commands(command: click.Command, name: str) -> Iterator[str]:
    """Yield a command and its options, and those of its subcommands."""
    yield f"command {name}"
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            yield from (f"command {name} {option}" for option in parameter.opts)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for word in command.list_commands(context):
            if (inner := command.get_command(context, word)) and not inner.hidden:
                yield from _list_commands(inner, f"{name} {word}")


if __name__ == "__main__":
    FILE.write_text("\n".join(list_public_names()) + "\n", "utf-8")
