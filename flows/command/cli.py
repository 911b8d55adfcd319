"""The `reviews` command. Each command imports what it needs when it runs, so that help answers at once."""

import os
import re
import shlex
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import click

from data_contracts.errors import ReviewsError, UsageError
from flows.command.error_words import PathName, describe_error, refuse_undecodable, shorten
from flows.command.standard_streams import flush_or_give_up, open_closed_streams, write_in_utf8
from tasks.support.interruption import INTERRUPTED, stop_if_interrupted

Mode = Literal["auto", "never", "always"]

SINCE_FORMATS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S%z")
PREFECT_DEFAULTS = {
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLI_PROMPT": "false",
    "DO_NOT_TRACK": "1",
}
"""What the command sets before it loads Prefect, unless the environment says otherwise."""

SECONDS_TO_END = 8.0
"""How long a command may take to end after Ctrl-C."""
INTERRUPTED_STATUS = 130
"""The exit status after Ctrl-C: that of the shells, 128 and the signal's number."""


class _ReviewsGroup(click.Group):
    """Turns our own errors into a message and an exit status, in one place for all commands."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Do as click does; an output that can't be written is told as any other error is."""
        try:
            open_closed_streams()
            if "PYTHONIOENCODING" not in os.environ:
                write_in_utf8()
            try:
                return super().main(*args, **extra)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            flush_or_give_up()  # the reader of a pipe has gone, and needs no words
        except (OSError, UnicodeError) as error:
            with suppress(OSError):  # where nothing can be said either
                _say_error(describe_error(error, os.environ) or str(error))
        sys.exit(1)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            refuse_undecodable(args)
        except UsageError as error:
            raise click.UsageError(str(error), ctx) from error
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return self._invoke(ctx)
        except ReviewsError as error:
            _say_error(str(error))
            ctx.exit(error.exit_status)
        except KeyboardInterrupt:
            click.echo("\nInterrupted. What is committed stays; run it again for the rest.", err=True)
            ctx.exit(INTERRUPTED_STATUS)
        except BrokenPipeError:
            raise  # said nothing of, in `main`
        except Exception as error:
            if (words := describe_error(error, os.environ)) is None:
                raise
            _say_error(words)
            ctx.exit(1)

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            stop_if_interrupted(error)
            if getattr(getattr(error, "response", None), "status_code", None) == 401:
                raise _ask_for_password() from error
            raise


def _ask_for_password() -> ReviewsError:
    """Say what to do about a Prefect server that does not know us."""
    from deployments.password import client_file
    from deployments.settings import load_settings

    return ReviewsError(
        f"Prefect's server at {os.environ.get('PREFECT_API_URL')} asks for another password. Next: for that of "
        f"`reviews up` unset PREFECT_API_URL or type `. {shlex.quote(str(client_file(load_settings())))}`; for one of "
        "your own set PREFECT_API_AUTH_STRING."
    )


@click.group(cls=_ReviewsGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home",
    type=PathName(file_okay=False, path_type=Path),
    help="Folder of all data, instead of REVIEWS_HOME.",
)
@click.version_option(package_name="review-ratings", prog_name="reviews")
@click.pass_context
def main(context: click.Context, home: Path | None) -> None:
    """Turn new movie-review files into scored rows that anyone can query.

    \b
    First steps:
      reviews demo                     everything on a small generated archive
      reviews ingest                   the Stanford archive, checked and as Parquet
      reviews train                    train the default variant and promote it
      cp new-reviews.csv data/inbox/   then:
      reviews score                    score what is new
      reviews sql "from movie_ratings" ask
      reviews up                       and from now on by itself

    Exit status: 0 done, 1 a stage failed, 2 wrong usage, 130 interrupted.
    """
    context.obj = home
    if home is not None:
        os.environ["REVIEWS_HOME"] = str(home.absolute())
    from deployments.settings import find_unknown

    for words in find_unknown():
        click.echo(f"reviews: {words}", err=True)


@main.command()
@click.option("--archive", metavar="PATH|URL", help="Read this archive instead of REVIEWS_ARCHIVE.")
@click.option("--accept-unverified", is_flag=True, help="Take an archive whose content is not a known one.")
def ingest(archive: str | None, accept_unverified: bool) -> None:
    """Download and check the review archive and convert it to Parquet.

    \b
    Examples:
      reviews ingest
      reviews ingest --archive aclImdb_v1.tar.gz
      reviews ingest --archive https://mirror.example/aclImdb_v1.tar.gz
    """
    wait_for_server = _prepare_prefect()
    from flows.command.messages import describe_ingest
    from flows.grants import grant
    from flows.ingest_reviews import ingest_reviews

    wait_for_server()
    with grant([archive] if archive else []):
        done = ingest_reviews(archive=archive, accept_unverified=accept_unverified)
    _say(describe_ingest(done))


@main.command()
@click.option("--variant", metavar="NAME", default=None, help="See `reviews variants`. [default: wide_lstm]")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Random seed.")
@click.option("--epochs", type=click.IntRange(1, 1000), help="Passes over the rows. [default: the variant's]")
@click.option(
    "--promote",
    type=click.Choice(["auto", "never", "always"]),
    default="auto",
    show_default=True,
    help="Let the model score: if it passes the gate, never, or in any case.",
)
def train(variant: str | None, seed: int, epochs: int | None, promote: Mode) -> None:
    """Train one variant, evaluate it, and promote it if it earns it.

    \b
    Examples:
      reviews train
      reviews train --variant cnn_lstm --seed 3
      reviews train --variant lstm --epochs 4 --promote never
    """
    from models.variants import DEFAULT_VARIANT, find_variant

    chosen = find_variant(DEFAULT_VARIANT if variant is None else variant)
    wait_for_server = _prepare_prefect()
    from flows.command.messages import describe_training
    from flows.train_model import train_model

    wait_for_server()
    _say(describe_training(train_model(variant=chosen.name, seed=seed, epochs=epochs, promote=promote)))


@main.command()
@click.argument("files", nargs=-1, type=PathName(exists=True, path_type=Path))
@click.option(
    "--since",
    type=click.DateTime(SINCE_FORMATS),
    metavar="DATE",
    help="Leave out files last changed before, in UTC: 2026-11-24, 2026-11-24T06:30.",
)
@click.option(
    "--model", "model_id", metavar="MODEL_ID", help="Score with this promoted model, not the champion."
)
@click.option("--rescore", is_flag=True, help="Also score again what only other models have scored.")
@click.option("--dry-run", is_flag=True, help="Change nothing; show what would be scored, and why.")
@click.option(
    "--text-column", metavar="NAME", help="The column that holds the text, where it has another name."
)
def score(
    files: tuple[Path, ...],
    since: datetime | None,
    model_id: str | None,
    rescore: bool,
    dry_run: bool,
    text_column: str | None,
) -> None:
    """Score what is new in the inbox, or the FILES and folders named.

    A file that was scored before is known by its content and skipped; one that was refused is tried again
    when it is named here, or when its content changes. CSV, TSV, JSON lines, Parquet and
    plain text are read, also as .gz or .zst, and zip or tar files of those.

    With --rescore, what earlier models have scored is scored again from the texts in the database, and with
    FILES only theirs; the earlier scores stay. --since then also leaves out sources first committed before it.

    \b
    Examples:
      reviews score
      reviews score --dry-run
      reviews score ~/exports/2026-11-24.csv.gz
      reviews score --text-column Comment survey.csv
      reviews score --rescore --since 2026-11-01
      reviews score --rescore --model cnn_lstm-s0-45f69cba155b
    """
    from deployments.settings import load_settings
    from flows.command.targets import require_no_own_folder

    settings = load_settings()
    require_no_own_folder(settings, files)
    wait_for_server = _prepare_prefect()
    from flows.command.messages import describe_scoring
    from flows.command.warm_up import warm_up
    from flows.grants import grant
    from flows.score_reviews import score_reviews

    named = [str(path.absolute()) for path in files] or None
    if not dry_run:
        warm_up(settings, named or [])
    wait_for_server()
    with grant(named or []):
        done = score_reviews(
            files=named,
            since=since,
            model_id=model_id,
            rescore=rescore,
            dry_run=dry_run,
            text_column=text_column,
        )
    _say(describe_scoring(done))


def _complete_query(context: click.Context, argument: click.Parameter, begun: str) -> list[str]:
    """Give the names of the named queries that begin so, for the shell."""
    from data_contracts.queries import list_names

    return [name for name in list_names() if name.startswith(begun)]


def _complete_value(context: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Give the parameters of the named query that stands in the line, for the shell."""
    from data_contracts.queries import list_queries

    takes: dict[str | None, Any] = {query.name: query.parameters for query in list_queries()}
    # While the option waits for its value, click has not given the words their names yet.
    words = [context.params.get("query"), *context.args]
    names = [f"{each.name}=" for word in words for each in takes.get(word, ())]
    return [name for name in names if name.startswith(begun)]


@main.command()
@click.argument("query", required=False, metavar="NAME|QUERY", shell_complete=_complete_query)
@click.option(
    "--param",
    "values",
    multiple=True,
    metavar="NAME=VALUE",
    help="A value that a named query takes; may be given again.",
    shell_complete=_complete_value,
)
@click.option("--list", "listed", is_flag=True, help="List the named queries; with NAME show its SQL.")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True
)
def sql(query: str | None, values: tuple[str, ...], listed: bool, form: str) -> None:
    """Ask the published copy of the database: a named query, or SQL.

    QUERY - reads the SQL from standard input.

    \b
    Examples:
      reviews sql --list
      reviews sql worst-movies --param since=2026-11-01 --param limit=5
      reviews sql "from movie_ratings order by reviews desc limit 10"
      reviews sql --format csv "select review_id, sentiment from latest_scores" > scores.csv
      reviews sql "show tables"
    """
    from deployments.settings import load_settings
    from flows.command.asking import ask, describe_queries

    if listed:
        _say(describe_queries(query))
    elif query is None:
        raise UsageError(
            "Say what to ask: a query in SQL, or the name of one that `reviews sql --list` shows."
        )
    else:
        ask(
            load_settings(),
            sys.stdin.buffer.read().decode("utf-8-sig") if query == "-" else query,
            values,
            form,
        )


@main.command()
@click.argument("folder", required=False, type=PathName(file_okay=False, path_type=Path))
@click.option("--new", "only_new", is_flag=True, help="Add what was not exported to that folder yet.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Leave out what was scored before, in UTC.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["parquet", "csv"]),
    help="[default: parquet; with --new the folder's]",
)
@click.option("--no-text", is_flag=True, help="Leave the texts out.")
@click.option(
    "--raw", is_flag=True, help="In CSV leave texts as they are, also those that a spreadsheet would run."
)
def export(
    folder: Path | None, only_new: bool, since: datetime | None, form: str | None, no_text: bool, raw: bool
) -> None:
    """Export scored reviews to FOLDER, in a folder a day: `day=2026-11-24/`, the day of scoring in UTC.

    A row is a row of scored_reviews, one per source row per model, with what its file said and the text. Such
    rows are only ever added, so --new gives each once, however often and whenever it is killed. To have one row per
    review as in latest_scores, ask `reviews sql --format csv "from latest_scores"`.

    Without FOLDER it is `exports/` of the home. Without --new the export takes the place of the one that is there.
    Exports are copies: `reviews forget` does not reach them.

    \b
    Examples:
      reviews export
      reviews export --new
      reviews export /mnt/share/scores --format csv --no-text --since 2026-11-01
    """
    from deployments.settings import load_settings
    from flows.command.asking import export as write_export
    from tasks.queries.exports import Wish

    if raw and form != "csv" and not only_new:
        raise UsageError("--raw is for --format csv: Parquet holds texts as they are.")
    wish = Wish(form, no_text, raw)
    write_export(load_settings(), folder and folder.absolute(), wish, since and since.date(), only_new, _say)


@main.command()
@click.argument("name", required=False, metavar="[REVIEW_ID|ROW|-]")
@click.option("--text", metavar="TEXT", help="Explain this text, which is in no table.")
@click.option("--model", "model_id", metavar="MODEL_ID", help="Ask this promoted model, not the champion.")
@click.option("--top", type=click.IntRange(1, 500), default=10, show_default=True, help="Words to list.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "--html", "page", type=PathName(dir_okay=False, path_type=Path), help="Also write a page to this file."
)
def explain(
    name: str | None, text: str | None, model_id: str | None, top: int, form: str, page: Path | None
) -> None:
    """Show which words moved a review's score most, each left out in turn.

    A review is named by its review_id, or by its row as `reviews quarantine list` names rows; - reads a text from
    standard input. Leaving words out shows what moves the score, not why: words act together, and what the model has
    learnt need not be what a reader means.

    \b
    Examples:
      reviews explain r-10482
      reviews explain 3fa94c12ab07:17 --html why.html
      reviews explain --text "A wonderful film with a dull ending"
      reviews explain - --format json < review.txt
    """
    from deployments.settings import load_settings
    from flows.command.targets import require_free_target
    from tasks.explain.explanation import decode_text
    from tasks.explain.explanation import explain as explain_score
    from tasks.explain.page import write_page
    from tasks.explain.terminal import write_explanation, write_explanation_as_json

    if (name is None) == (text is None):
        raise UsageError("Name a review, or give a text: `reviews explain REVIEW_ID`, or --text TEXT.")
    if name == "-":
        name, text = None, decode_text(sys.stdin.buffer.read())
    settings = load_settings()
    if page:
        require_free_target(settings, page, settings.reports_dir)
    explained = explain_score(settings.published, settings.bundles_dir, name, text, model_id)
    if page:
        write_page(explained, top, page)
    write = write_explanation_as_json if form == "json" else write_explanation
    write(explained, top, sys.stdout)
    if page:
        click.echo(f"Wrote {page}", err=True)


@main.command()
@click.argument("run", default="latest", metavar="[RUN|latest]")
@click.option(
    "--output",
    type=PathName(dir_okay=False, path_type=Path),
    help="Write to this file, not into `reports/` of the home.",
)
def report(run: str, output: Path | None) -> None:
    """Write the report of a scoring or training run as one HTML file that can be sent on.

    RUN is a run_id of the table `runs`, or its beginning; `latest` is the newest that scored, trained or failed. The
    file holds excerpts of reviews.

    \b
    Examples:
      reviews report
      reviews report 3fa94c12
      reviews report latest --output today.html
    """
    from deployments.settings import load_settings
    from flows.command.targets import require_free_target
    from tasks.report.writing import write_report

    settings = load_settings()
    if output:
        require_free_target(settings, output, settings.reports_dir)
    path = write_report(
        settings.published,
        settings.bundles_dir,
        settings.reports_dir,
        run,
        output and output.absolute(),
        settings.keep_reports,
    )
    _say(f"Wrote {path}")


@main.command()
def verify() -> None:
    """Prove in SQL that nothing is lost, doubled or scored by an unblessed model.

    Exit status 0 if every promise holds; 1 otherwise, with the rows that break it.
    """
    from deployments.settings import load_settings
    from flows.command.upkeep import run_verify

    run_verify(load_settings(), _say)


@main.group()
def quarantine() -> None:
    """Rows that were set aside: list, show and release them.

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
    """List the rows that are set aside, the newest first."""
    from deployments.settings import load_settings
    from tasks.maintenance.quarantine import list_query
    from tasks.queries.asking import write_answer

    write_answer(load_settings().published, list_query(rule, uri), form, sys.stdout)


@quarantine.command("show")
@click.argument("row")
def quarantine_show(row: str) -> None:
    """Show all that is known of ROW, as `reviews quarantine list` names it."""
    from deployments.settings import load_settings
    from flows.command.upkeep import show_row

    show_row(load_settings(), row, _say)


@quarantine.command("release")
@click.argument("rows", nargs=-1, metavar="[ROW ...]")
@click.option("--rule", metavar="RULE", help="Rows that broke this rule.")
@click.option("--file", "uri", metavar="NAME", help="Rows of this file, by its name in the list.")
@click.option("--all", "everything", is_flag=True, help="All rows.")
@click.option(
    "--encoding", default="utf-8", show_default=True, help="What undecodable texts are to be read as."
)
@click.option("--by", metavar="NAME", help="Who releases them. [default: the user that you are]")
def quarantine_release(
    rows: tuple[str, ...], rule: str | None, uri: str | None, everything: bool, encoding: str, by: str | None
) -> None:
    """Check rows anew, and score those that now pass.

    For when a setting, a rule or a model was mended. A row that still breaks a rule stays, and is named. A row whose
    text was not kept whole can only be mended in its file.

    \b
    Examples:
      reviews quarantine release 3fa94c12ab07:17
      reviews quarantine release --file export.csv --encoding cp1252
      REVIEWS_MAX_TEXT_CHARS=200000 reviews quarantine release --rule text_too_long
    """
    from deployments.settings import load_settings
    from flows.command.upkeep import release
    from tasks.maintenance.quarantine import Choice
    from tasks.warehouse.row_names import parse_row_name

    if not (rows or rule or uri or everything):
        raise UsageError("Say which rows: name them, or give --rule, --file or --all.")
    choice = Choice(tuple(map(parse_row_name, rows)), rule, uri)
    release(load_settings(), choice, encoding, by, _say)


@main.command()
@click.argument("name", metavar="REVIEW_ID|MOVIE_ID|SHA|ROW")
@click.option(
    "--as",
    "kind",
    type=click.Choice(["review", "movie", "file", "text", "row"]),
    help="What NAME is, if unclear.",
)
@click.option("--reason", metavar="TEXT", help="Kept with the trace.")
@click.option("--by", metavar="NAME", help="Who asks for it. [default: the user that you are]")
@click.option("--yes", is_flag=True, help="Do it without asking.")
def forget(name: str, kind: str | None, reason: str | None, by: str | None, yes: bool) -> None:
    """Delete a review, a movie's reviews, a file's rows, a text or one row, with all scores, for good.

    They leave every table, the published copy and the parts; the database file is written anew. A trace without
    the text stays in the table forgotten_rows. Backups, exports and the files themselves are named, not changed.

    \b
    Examples:
      reviews forget r-10482 --reason "asked by the writer"
      reviews forget tt0111161 --as movie --yes
      reviews forget 3fa94c12ab07:17
    """
    from deployments.settings import load_settings
    from flows.command import upkeep

    settings = load_settings()
    if not yes:
        click.echo(f"To be forgotten: {upkeep.describe_forgettable(settings, name, kind)}")
        click.confirm("This can't be undone. Go on?", abort=True)
    upkeep.forget(settings, name, kind, reason, by, _say)


@main.command()
@click.argument("path", required=False, type=PathName(path_type=Path))
def backup(path: Path | None) -> None:
    """Copy the database and the bundles to the new folder PATH, while scoring goes on.

    Without PATH it is named by the moment in `backups/` of the home, where the newest REVIEWS_KEEP_BACKUPS are kept.

    \b
    Examples:
      reviews backup
      reviews backup /mnt/safe/reviews-2026-11-24
    """
    from deployments.settings import load_settings
    from flows.command.upkeep import back_up

    back_up(load_settings(), path and path.absolute(), _say)


@main.command()
@click.argument("path", type=PathName(exists=True, file_okay=False, path_type=Path))
def restore(path: Path) -> None:
    """Put the backup in the folder PATH in the place of the database, which is kept beside it.

    What came into the inbox after the backup is scored anew by the next run.

    \b
    Examples:
      reviews restore data/backups/reviews-20261124T063000Z
    """
    from deployments.settings import load_settings
    from flows.command.upkeep import restore as put_back

    put_back(load_settings(), path.absolute(), _say)


@main.group(invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """List the trained models, the champion marked; or compare, promote and go back.

    A model is named by its id, by how that begins, or as `champion`.

    \b
    Examples:
      reviews models
      reviews models compare cnn_lstm-s1 champion
      reviews models promote cnn_lstm-s1
      reviews models rollback
    """
    if context.invoked_subcommand is not None:
        return
    from deployments.settings import load_settings
    from flows.command.messages import describe_models
    from tasks.warehouse.model_registry import list_models

    settings = load_settings()
    _say(describe_models(list_models(settings.warehouse), settings))


@models.command("compare")
@click.argument("challenger", metavar="MODEL")
@click.argument("champion", metavar="[OTHER]", default="champion")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True
)
def models_compare(challenger: str, champion: str, form: str) -> None:
    """Hold MODEL against OTHER, the champion by default, and say what the gate would decide.

    Both score the validation rows of the present data and the behavioural tests, and are timed in turns. Gains are
    above 0 where MODEL is better, with their 95 % interval. Nothing is changed.

    \b
    Examples:
      reviews models compare cnn_lstm-s1
      reviews models compare lstm-s0 cnn_lstm-s0
      reviews models compare cnn_lstm-s1 champion --format json
    """
    from deployments.settings import load_settings
    from flows.command.promoting import compare

    compare(load_settings(), challenger, champion, form, _say)


@models.command("promote")
@click.argument("model", metavar="MODEL")
@click.option("--reason", metavar="TEXT", help="Kept with the promotion.")
@click.option("--force", is_flag=True, help="Promote it even where the gate refuses.")
def models_promote(model: str, reason: str | None, force: bool) -> None:
    """Make MODEL the champion, if it passes the gate against the present one.

    Its bundle has to be unaltered and to give its golden scores here, also with --force. A refusal names the rules
    that MODEL breaks, and is kept in the table gate_checks.

    \b
    Examples:
      reviews models promote cnn_lstm-s1
      reviews models promote lstm-s0 --force --reason "the cnn_lstm misjudges long reviews"
    """
    from deployments.settings import load_settings
    from flows.command.promoting import promote
    from flows.command.upkeep import name_user

    promote(load_settings(), model, reason, force, name_user(), _say, _tell_promoted)


@models.command("rollback")
@click.option("--to", "model", metavar="MODEL", help="An earlier champion. [default: the one before]")
@click.option("--reason", metavar="TEXT", help="Kept with the rollback.")
def models_rollback(model: str | None, reason: str | None) -> None:
    """Make an earlier champion the champion again.

    Repeated, it goes back further. No gate is asked, but its bundle has to be unaltered and to give its golden scores.

    \b
    Examples:
      reviews models rollback
      reviews models rollback --to cnn_lstm-s0 --reason "too many complaints"
    """
    from deployments.settings import load_settings
    from flows.command.promoting import go_back
    from flows.command.upkeep import name_user

    go_back(load_settings(), model, reason, name_user(), _say, _tell_promoted)


def _tell_promoted(model_id: str, reason: str, compared_with: str | None) -> None:
    """Tell Prefect's server, where there is one, that a model scores from now on."""
    _prepare_prefect(may_start=False)
    if os.environ.get("PREFECT_API_URL"):
        from tasks.stages.events import tell_promoted

        tell_promoted(model_id, reason, compared_with)


@main.command()
def variants() -> None:
    """List the variants that `reviews train` knows."""
    from models.variants import DEFAULT_VARIANT, VARIANTS

    for name, variant in VARIANTS.items():
        default = "  (the default)" if name == DEFAULT_VARIANT else ""
        click.echo(f"{name:<14} {variant.summary}{default}")


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), help="Instead of REVIEWS_PORT. [default: 4200]")
@click.option("--watch-inbox", is_flag=True, help="Score files as soon as they arrive.")
@click.option("--detach", is_flag=True, help="Come back when it is up; `reviews down` stops it.")
def up(port: int | None, watch_inbox: bool, detach: bool) -> None:
    """Start a Prefect server on 127.0.0.1, the deployments and a worker.

    Stays in the foreground until Ctrl-C, unless detached. New files in the inbox are scored every 15 minutes
    (see prefect.yaml), or at once with --watch-inbox.

    \b
    Examples:
      reviews up
      reviews up --detach --watch-inbox
      reviews --home /srv/reviews up --port 4300
    """
    from dataclasses import replace

    from deployments.local_server.detached import start_detached
    from deployments.local_server.up import run_up
    from deployments.settings import load_settings

    settings = load_settings()
    settings = replace(settings, port=port or settings.port, watch_inbox=watch_inbox or settings.watch_inbox)
    if detach:
        start_detached(settings, _say)
    else:
        run_up(settings, _say)


@main.command()
@click.option("--now", is_flag=True, help="Do not wait for runs that go on: end them.")
def down(now: bool) -> None:
    """Stop what `reviews up` started, or left behind when it was killed.

    Runs that go on may end first, for REVIEWS_DRAIN_SECONDS (60); one that does not is cancelled, and the next run
    goes on where it stopped.
    """
    from deployments.local_server.detached import stop_running
    from deployments.settings import load_settings

    _say(stop_running(load_settings(), _say, at_once=now))


@main.command()
def status() -> None:
    """Say whether `reviews up` runs, and what its deployments did last and do next.

    Exit status 0 if it is up, 1 if it is not.
    """
    from deployments.local_server.detached import require_running
    from deployments.settings import load_settings

    running = require_running(load_settings())
    _prepare_prefect(may_start=False)
    from deployments.local_server.status import describe_status

    _say(describe_status(running))


@main.command()
def deploy() -> None:
    """Make the work pool and all deployments on the Prefect server that PREFECT_API_URL names.

    `reviews up` does this by itself; this is for a server of your own, or Prefect Cloud. The same as
    `prefect --no-prompt deploy --all` in the project's folder, with the work pool made first.
    """
    _prepare_prefect(may_start=False)
    from deployments.deploy import deploy_all

    deploy_all()
    _say("The deployments ingest-reviews, train-model and score-reviews are up to date.")


@main.command()
@click.pass_context
def demo(context: click.Context) -> None:
    """Run everything on a small generated archive, then show the answers.

    Its home is data/demo, unless --home names another one.
    """
    from deployments.settings import PROJECT_ROOT

    # Whatever REVIEWS_HOME says: generated reviews never mix with real ones. And commands that are shown name it.
    root = context.find_root()
    root.obj = root.obj or PROJECT_ROOT / "data" / "demo"
    os.environ["REVIEWS_HOME"] = str(root.obj.absolute())
    wait_for_server = _prepare_prefect()
    from flows.command.demo import run_demo

    wait_for_server()
    run_demo(_say)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Interrupt the command at Ctrl-C, and end it for good if that takes too long.

    Prefect tries for minutes to tell its server of the interrupted run, and that may be gone.
    """
    INTERRUPTED.set()
    signal.signal(number, signal.default_int_handler)
    timer = threading.Timer(SECONDS_TO_END, _abort)
    timer.daemon = True
    timer.start()
    signal.default_int_handler(number, frame)


def _abort() -> None:
    os.write(2, b"\nAborted!\n")
    os._exit(INTERRUPTED_STATUS)


def _prepare_prefect(*, may_start: bool = True) -> Callable[[], None]:
    """Set what Prefect is to find when it is loaded: the server of this home's `reviews up`, else a temporary one.

    Gives the function that waits until a temporary server answers; it starts while the caller loads the rest.
    """
    from deployments.local_server.running import find_running
    from deployments.password import find_password
    from deployments.settings import load_settings, require_prefect_home

    settings = load_settings()
    require_prefect_home(os.environ)
    if running := find_running(settings):
        url = os.environ.setdefault("PREFECT_API_URL", running.api_url)
        # A server of another name does not get to know the password.
        if url == running.api_url and (password := find_password(settings)):
            os.environ["PREFECT_API_AUTH_STRING"] = password
    os.environ.setdefault("PREFECT_LOCAL_STORAGE_PATH", str(settings.prefect_dir / "storage"))
    signal.signal(signal.SIGINT, _interrupt)
    for name, value in PREFECT_DEFAULTS.items():
        os.environ.setdefault(name, value)
    if may_start:
        from deployments.local_server.temporary_server import start_where_needed

        if server := start_where_needed():
            return server.wait_until_ready
    return lambda: None


def _say_error(text: str) -> None:
    """Say what went wrong on standard error; what was to be printed before comes first, or nowhere."""
    flush_or_give_up()
    click.echo(f"reviews: {shorten(_name_home(text))}", err=True)


def _say(text: str) -> None:
    click.echo(_name_home(text))


def _name_home(text: str) -> str:
    """Let the commands that a message names work as they stand, where --home was given."""
    context = click.get_current_context(silent=True)
    home = context.find_root().obj if context else None
    if home is None:
        return text
    named = rf"(^|[`:(] ?)reviews (?=(?:{'|'.join(main.commands)})\b)"
    return re.sub(
        named, lambda found: f"{found[1]}reviews --home {shlex.quote(str(home))} ", text, flags=re.MULTILINE
    )


if __name__ == "__main__":
    main()
