"""The commands on destinations, the places where scores are delivered: destinations add, list, check, backfill, ..."""

import json
from pathlib import Path

import click

from flows.command.console.arguments import PathOrUri
from flows.command.console.output import echo


@click.group()
def destinations() -> None:
    """Set up where scores are delivered: in PostgreSQL, in files.

    A destination is a table in PostgreSQL, or a folder of Parquet files. After each run that committed, each
    destination gets what it lacks, each row once. A destination that can't be reached gets it in a later run. The
    address of a database comes from the environment: of the destination bi-team from
    REVIEWS_DESTINATION_BI_TEAM_URL, or the file that REVIEWS_DESTINATION_BI_TEAM_URL_FILE names.

    \b
    Examples:
      reviews destinations add bi-team --table reviews.scores
      reviews destinations add lake --folder s3://bucket/scores --rows all
      reviews destinations check bi-team
      reviews destinations deliver
      reviews destinations status
    """


@destinations.command()
@click.argument("name")
@click.option(
    "--table", metavar="SCHEMA.TABLE", help="A table in PostgreSQL, which the first delivery creates."
)
@click.option(
    "--folder",
    type=PathOrUri(file_okay=False, path_type=Path),
    metavar="PATH|URI",
    help="A folder of Parquet files, or the URI of one in a store.",
)
@click.option(
    "--rows",
    type=click.Choice(["current", "all"]),
    default="current",
    show_default=True,
    help="One row a review, or every score.",
)
@click.option("--texts", is_flag=True, help="Deliver the texts of the reviews too.")
@click.option("--extra", is_flag=True, help="Deliver the other columns of the source files too, as JSON.")
def add(name: str, table: str | None, folder: Path | str | None, rows: str, texts: bool, extra: bool) -> None:
    """Add the destination NAME, a table or a folder.

    Nothing is delivered yet. It is written to destinations/NAME.toml in the home, and can be changed there.

    \b
    Examples:
      reviews destinations add bi-team --table reviews.scores
      reviews destinations add lake --folder /mnt/lake/scores --rows all --texts
    """
    from deployments.settings import load_settings
    from flows.command.actions.destinations import add_destination

    content = {"rows": rows, "texts": texts, "extra": extra}
    echo(add_destination(load_settings().home, name, table, folder, content))


@destinations.command(name="list")
def list_() -> None:
    """List the destinations: where they are and which rows they get."""
    from deployments.settings import load_settings
    from flows.command.actions.destinations import list_destinations

    echo(list_destinations(load_settings()))


@destinations.command()
@click.argument("name")
def check(name: str) -> None:
    """Show whether the destination NAME works, and what it lacks.

    It works if it can be reached and its schema is right. Nothing is changed.
    """
    from deployments.settings import load_settings
    from flows.command.actions.destinations import check_destination

    echo(check_destination(load_settings(), name))


@destinations.command()
@click.argument("name", required=False)
def deliver(name: str | None) -> None:
    """Deliver now what the destination NAME, or each of them, lacks.

    At first that is all that was ever scored.
    """
    from flows.command.actions.destinations import deliver_now
    from flows.command.startup import load_settings_to_write

    with load_settings_to_write() as settings:
        deliver_now(settings, name, echo)


@destinations.command()
@click.argument("name")
@click.option("--take-over", is_flag=True, help="Go on with what another home has delivered there.")
def backfill(name: str, take_over: bool) -> None:
    """Deliver everything to the destination NAME again.

    Also what it has is delivered: rows that differ or are missing are mended. If it is killed, the next delivery goes
    on with the rest.
    """
    from flows.command.actions.destinations import backfill_destination
    from flows.command.startup import load_settings_to_write

    with load_settings_to_write() as settings:
        echo(backfill_destination(settings, name, take_over))


@destinations.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="text or json.")
def status(form: str) -> None:
    """Show when each destination last got all, what it lacks, and why. Nothing is asked of the destinations."""
    from deployments.settings import load_settings
    from flows.command.actions.destinations import describe_standing, read_all_standings

    found = read_all_standings(load_settings())
    echo(json.dumps(found, indent=2) if form == "json" else describe_standing(found))
