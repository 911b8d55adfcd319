"""The commands that check, correct and back up the database: verify, quarantine, forget, backup, restore."""

import sys
from pathlib import Path

import click

from data_contracts.errors import UsageError
from flows.command.console.arguments import PathOrUri
from flows.command.console.output import confirm, echo
from flows.command.startup import load_settings, load_settings_to_read
from tasks.support.who import name_user


@click.command()
@click.option("--all", is_flag=True, expose_value=False, help="The same: every row is read in any case.")
def verify() -> None:
    """Prove in SQL that no row is lost or doubled.

    It also proves that no score that counts is of a model never promoted, and what else is promised. It reads every
    row: some 10 seconds a million.

    The exit status is 0 if every promise holds, else 1; the output then has the rows that break a promise.

    \b
    Examples:
      reviews verify
    """
    from tasks.maintenance.verification import verify_home

    settings = load_settings()
    verify_home(settings.home, echo, settings.snapshot_store)


@click.group()
def quarantine() -> None:
    """List, show and release quarantined rows.

    \b
    Examples:
      reviews quarantine list --rule text_too_long
      reviews quarantine show 3fa94c12ab07:17
      REVIEWS_MAX_TEXT_CHARS=200000 reviews quarantine release --rule text_too_long
    """


@quarantine.command("list")
@click.option("--rule", metavar="RULE", help="Only rows that broke this rule.")
@click.option("--file", "uri", metavar="NAME", help="Only rows of this file, by its name in the list.")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True
)
def quarantine_list(rule: str | None, uri: str | None, form: str) -> None:
    """List the quarantined rows, newest first."""
    from tasks.maintenance.quarantine import list_query, require_known_rule
    from tasks.queries.run_query import write_answer

    require_known_rule(rule)
    write_answer(load_settings_to_read().home.published, list_query(rule, uri), form, sys.stdout)


@quarantine.command("show")
@click.argument("row")
def quarantine_show(row: str) -> None:
    """Show every field and the bytes of ROW.

    It is named as in `reviews quarantine list`.
    """
    from tasks.maintenance.quarantine import describe_row

    for line in describe_row(load_settings().home, row):
        echo(line)


@quarantine.command("release")
@click.argument("rows", nargs=-1, metavar="[ROW ...]")
@click.option("--rule", metavar="RULE", help="Release the rows that broke this rule.")
@click.option("--file", "uri", metavar="NAME", help="Release the rows of this file, by its name in the list.")
@click.option("--all", "everything", is_flag=True, help="Release all rows.")
@click.option(
    "--encoding",
    metavar="NAME",
    help="The encoding in which to read undecodable texts. [default: that of their source's profile, or UTF-8]",
)
@click.option("--by", metavar="NAME", help="Who releases them. [default: your user name, and this machine]")
def quarantine_release(
    rows: tuple[str, ...],
    rule: str | None,
    uri: str | None,
    everything: bool,
    encoding: str | None,
    by: str | None,
) -> None:
    """Check quarantined rows again, and score those that now pass.

    Use it after a change of a setting, a rule or a model. A row that still breaks a rule stays quarantined, and is
    named. A row whose text was not kept whole can only be corrected in its file. A row that only the profile of its
    source sets aside, by [severity] or for its language, is scored whatever the profile says.

    \b
    Examples:
      reviews quarantine release 3fa94c12ab07:17
      reviews quarantine release --file export.csv --encoding cp1252
      REVIEWS_MAX_TEXT_CHARS=200000 reviews quarantine release --rule text_too_long
    """
    from tasks.maintenance.quarantine import Choice, ReleaseRequest
    from tasks.maintenance.quarantine import release as release_rows
    from tasks.warehouse.row_names import parse_row_name

    if not (rows or rule or uri or everything):
        raise UsageError("No rows are chosen. Next: name them, or give --rule, --file or --all.")
    choice = Choice(tuple(map(parse_row_name, rows)), rule, uri)
    settings = load_settings()
    request = ReleaseRequest(choice, by or name_user(), settings.limits, encoding)
    release_rows(settings.home, request, echo)


@click.command()
@click.argument("name", metavar="REVIEW_ID|MOVIE_ID|SHA|ROW")
@click.option(
    "--as",
    "kind",
    type=click.Choice(["review", "movie", "file", "text", "row"]),
    help="What NAME is, if it could be several things.",
)
@click.option("--reason", metavar="TEXT", help="Recorded in the table forgotten_rows.")
@click.option("--by", metavar="NAME", help="Who asks for it. [default: your user name, and this machine]")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def forget(name: str, kind: str | None, reason: str | None, by: str | None, yes: bool) -> None:
    """Delete reviews, with all scores, for good.

    What goes is a review, a movie's reviews, a file's rows, a text or one row; a file is named by the first 12 digits
    of its sha256 or more, a text by all of them. The rows are deleted from every table, the published copy, the
    parts, also those in the store, and the destinations, and the database file is rewritten without them. The table
    forgotten_rows records that they existed, without the text. Backups, exports and the source files may still hold
    them: those in the home, and source files and sheets of labels in stores, are listed, not changed. Exports and
    backups elsewhere are for you to look through.

    \b
    Examples:
      reviews forget r-10482 --reason "asked by the writer"
      reviews forget tt0111161 --as movie --yes
      reviews forget 3fa94c12ab07:17
    """
    from tasks.maintenance.forgetting import ForgetRequest
    from tasks.maintenance.forgetting_everywhere import describe_forgettable, finish_killed, forget_everywhere

    settings = load_settings()
    finish_killed(settings.home, echo, settings.store, settings.destination_urls)
    if not yes:
        click.echo(f"To be forgotten: {describe_forgettable(settings.home, name, kind)}")
        if not confirm("This can't be undone. Go on?"):
            raise click.Abort
    request = ForgetRequest(name, kind, by or name_user(), reason)
    forget_everywhere(settings.home, request, echo, settings.store, settings.destination_urls)


@click.command()
@click.argument("place", required=False, type=PathOrUri(path_type=Path))
@click.option("--full", is_flag=True, help="Write all of it again, which mends what is damaged there.")
@click.option("--take-over", is_flag=True, help="Write also where another home did, which is to stop.")
@click.option("--gone", is_flag=True, help="Make none: what is not there any more of PLACE is gone for good.")
def backup(place: Path | str | None, full: bool, take_over: bool, gone: bool) -> None:
    """Copy the database, the bundles and the profiles to PLACE.

    PLACE is a folder or a URI; without one it is `backups/` in the home.

    Scoring goes on meanwhile. What PLACE has from earlier backups is not written again. The newest REVIEWS_KEEP_BACKUPS
    stay there. One home writes to a place.

    \b
    Examples:
      reviews backup
      reviews backup s3://bucket/backups
      reviews backup /mnt/safe/reviews
      reviews backup --gone /mnt/lost
    """
    from tasks.snapshots.forgotten_beside import give_up_places
    from tasks.snapshots.home_backup import back_up_home
    from tasks.snapshots.making import Options

    settings = load_settings()
    if gone:
        if place is None:
            raise click.UsageError("--gone needs the PLACE of the backups that are gone.")
        for each in give_up_places(
            settings.home, str(place.absolute() if isinstance(place, Path) else place)
        ):
            echo(f"Not told any more what is forgotten: {each}")
    else:
        back_up_home(settings.home, place, echo, Options(settings.keep_backups, full, take_over))


@click.command()
@click.argument("place", type=PathOrUri(exists=True, path_type=Path))
def restore(place: Path | str) -> None:
    """Replace the database by the newest backup in PLACE.

    PLACE is a folder or a URI, or one backup in it.

    The replaced database is kept in the home. What was forgotten since the backup stays so. The next run scores again
    the files that arrived after the backup.

    \b
    Examples:
      reviews restore data/backups
      reviews restore data/backups/000012.json
      reviews restore s3://bucket/backups
    """
    from tasks.snapshots.home_backup import restore_home

    restore_home(load_settings().home, place.absolute() if isinstance(place, Path) else place, echo)
