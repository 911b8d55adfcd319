"""The commands that answer from the published copy of the database: sql, explain, report and site."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from data_contracts.errors import UsageError
from flows.command.console.arguments import PathName, gone_option
from flows.command.console.output import echo
from flows.command.startup import has_screen, load_settings_to_read


def _complete_query(context: click.Context, argument: click.Parameter, begun: str) -> list[str]:
    """Return the named queries that begin with `begun`, for the shell's completion."""
    from data_contracts.queries import list_names

    names = (*list_names(), *list_names(of_pages=True))
    return [name for name in names if name.startswith(begun)]


def _complete_value(context: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """Complete, for the shell, what is asked with `reviews sql`: the parameters of its named query, as `name=`."""
    from data_contracts.queries import list_queries

    parameters: dict[str | None, Any] = {query.name: query.parameters for query in list_queries()}
    # While click completes an option's value, the query may still be among the words that it has not parsed.
    words = [context.params.get("query"), *context.args]
    names = [f"{each.name}=" for word in words for each in parameters.get(word, ())]
    return [name for name in names if name.startswith(begun)]


@click.command(context_settings={"allow_extra_args": True})
@click.argument("query", required=False, metavar="NAME|QUERY", shell_complete=_complete_query)
@click.option(
    "--param",
    "values",
    multiple=True,
    metavar="NAME=VALUE",
    help="The value of a parameter of a named query; can be repeated.",
    shell_complete=_complete_value,
)
@click.option(
    "--list", "listed", is_flag=True, help="List the named queries; with NAME, show the SQL of that query."
)
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True
)
@click.pass_context
def sql(context: click.Context, query: str | None, values: tuple[str, ...], listed: bool, form: str) -> None:
    """Answer a named query, or SQL, from the published copy.

    With - in place of QUERY, the SQL is read from standard input.

    \b
    Examples:
      reviews sql --list
      reviews sql worst-movies --param since=2026-11-01 --param limit=5
      reviews sql "from movie_ratings order by reviews desc limit 10"
      reviews sql --format csv "select review_id, sentiment from latest_scores" > scores.csv
      reviews sql "show tables"
    """
    from flows.command.console.arguments import decode_input
    from tasks.queries.named_queries import describe_queries, find_query, read_values
    from tasks.queries.run_query import list_tables, write_answer

    if context.args:
        raise UsageError(
            f"One query is answered, and there is more: {' '.join(context.args)}. Next: put the query into quotes, as "
            '`reviews sql "show tables"`; a named query gets its values by --param, as --param limit=5.'
        )
    if listed:
        named = find_query(query) if query is not None else None
        if query is not None and named is None:
            raise UsageError("--list takes the name of a query, or none.")
        echo(named.sql.rstrip() if named else describe_queries())
        return
    if query is None:
        raise UsageError("The query is missing. Next: give SQL, or a name that `reviews sql --list` shows.")
    question = decode_input(sys.stdin.buffer.read()) if query == "-" else query
    published = load_settings_to_read().home.published
    named = find_query(question, lambda: list_tables(published))
    if named is None and values:
        raise UsageError("--param works only with a named query. `reviews sql --list` lists them.")
    parameters = read_values(named, values) if named else None
    write_answer(published, named.sql if named else question, form, sys.stdout, parameters)


@click.command()
@click.argument("name", required=False, metavar="[REVIEW_ID|ROW|-]")
@click.option(
    "--history",
    is_flag=True,
    help="Show all rows of the review instead, and which of them latest_scores shows.",
)
@click.option("--text", metavar="TEXT", help="Explain this text instead of a scored review.")
@click.option("--source", metavar="NAME", help="The source that the text is of, whose own labels count.")
@click.option(
    "--model",
    "model_id",
    metavar="MODEL_ID",
    help="Use this promoted model, not the champion: its id, or the beginning of it.",
)
@click.option("--top", type=click.IntRange(1, 500), default=10, show_default=True, help="Words to list.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@gone_option("--html", "`--html` is gone: the same is printed. Next: reviews explain REVIEW_ID > FILE")
@click.pass_context
def explain(
    context: click.Context,
    name: str | None,
    history: bool,
    text: str | None,
    source: str | None,
    model_id: str | None,
    top: int,
    form: str,
) -> None:
    """Show which words moved a review's score most.

    That is found by replacing each word in turn by one that the model does not know. Name a review by its review_id,
    or by the name of its row, such as 3fa94c12ab07:17; - reads a text from standard input. Replacing words shows what
    moves the score, not why: words act together, and what the model has learnt may differ from what a reader
    understands.

    With --history, show every row of the review as it arrived: its file, date, rating, label and scores, and why it
    counts in latest_scores or not.

    \b
    Examples:
      reviews explain r-10482
      reviews explain --history r-10482
      reviews explain 3fa94c12ab07:17 --top 20
      reviews explain --text "A wonderful film with a dull ending"
      reviews explain --text "Does what it should" --source shop-a
      reviews explain - --format json < review.txt
    """
    if history:
        _show_history(context, name, form)
        return
    from flows.command.console.arguments import decode_input
    from tasks.explain.explanation import explain as explain_score
    from tasks.explain.finding_text import FoundText
    from tasks.explain.terminal import write_explanation, write_explanation_as_json

    if (name is None) == (text is None):
        raise UsageError("Name either a review or a text: `reviews explain REVIEW_ID`, or --text TEXT.")
    if name == "-":
        name, text = None, decode_input(sys.stdin.buffer.read())
    if name is not None and source is not None:
        raise UsageError("--source goes with --text, or with -: a review has the source of its file.")
    asked = FoundText(text or "", source=source or None) if name is None else name
    explained = explain_score(load_settings_to_read().home, asked, model_id)
    (write_explanation_as_json if form == "json" else write_explanation)(explained, top, sys.stdout)


def _show_history(context: click.Context, name: str | None, form: str) -> None:
    """Print the history of the review called `name`; of the other options of explain only --format goes with it."""
    from tasks.explain.history import find_history, write_history, write_history_as_json

    others = ("text", "source", "model_id", "top")
    given = [each for each in others if context.get_parameter_source(each) != ParameterSource.DEFAULT]
    if name in (None, "-") or given:
        raise UsageError(
            "--history needs a review_id or the name of a row, and takes no option but --format. Next: "
            "`reviews explain --history REVIEW_ID`."
        )
    reviews = find_history(load_settings_to_read().home.published, str(name))
    (write_history_as_json if form == "json" else write_history)(reviews, sys.stdout)


@click.command()
@click.argument("run", required=False, metavar="[RUN|latest]")
@click.option(
    "--week",
    is_flag=False,
    flag_value="",
    metavar="[WEEK]",
    help="Write the page of a week instead: such as 2026-W47, by default the last that is over.",
)
@click.option(
    "--output",
    type=PathName(dir_okay=False, path_type=Path),
    help="Write to this file instead of `reports/` of the home.",
)
def report(run: str | None, week: str | None, output: Path | None) -> None:
    """Write the report of a run or a week as one HTML file.

    RUN is a run_id of the table `runs`, or its beginning; `latest`, the default, is the newest run that scored, trained
    or failed. The page of a week says what came in, moved and drifted, and what the model got wrong; weeks are those of
    the ISO calendar, from Monday to Sunday in UTC. With REVIEWS_WEEKS=true the first scoring run after the end of a
    week writes its page. The files contain excerpts of reviews.

    \b
    Examples:
      reviews report
      reviews report 3fa94c12
      reviews report latest --output today.html
      reviews report --week
      reviews report --week 2026-W47
    """
    from tasks.report.writing import write_report
    from tasks.support.outside_targets import require_free_target

    if week is not None:
        if run or output:
            raise UsageError(
                "The page of a week is of no run, and lies in `reports/` of the home. Next: give --week alone."
            )
        _write_week(week)
        return
    settings = load_settings_to_read()
    if output:
        require_free_target(settings.home, output, settings.home.reports)
    path = write_report(settings.home, run or "latest", output and output.absolute())
    echo(f"Wrote {path}")


def _write_week(name: str) -> None:
    """Write the page of a week, by default of the last that is over."""
    from datetime import UTC

    from tasks.report.week import write_week
    from tasks.report.weeks import find_last_week, parse_week, require_begun

    now = datetime.now(UTC)
    asked = require_begun(parse_week(name), now) if name else find_last_week(now)
    settings = load_settings_to_read()
    written = write_week(settings.home, asked, is_served=settings.site_url is not None)
    echo(f"{written.summary}\nWrote {written.path}")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False)
def site(folder: Path | None) -> None:
    """Open pages for people: an overview, and one for each movie.

    They are made when they are asked for, from the published copy. Where `reviews up` serves them, at
    REVIEWS_SITE_PORT, that address is opened, else they are served on 127.0.0.1 until Ctrl-C. The pages contain
    excerpts of reviews.

    With FOLDER all pages are written into it, in place of those of an earlier call: for a share or a mail. To look at
    them no server and no network is needed. `reviews forget` does not change them: write them again.

    To name movies, put a file titles.csv into the home, with the columns movie_id, title and year.

    \b
    Examples:
      reviews site
      reviews --home data/demo site
      reviews site ~/share/movies
    """
    from deployments.site.app import open_site
    from tasks.site.writing import write_site
    from tasks.support.outside_targets import require_free_target
    from tasks.support.wording import count

    settings = load_settings_to_read()
    if folder is None:
        open_site(settings, echo, has_screen=has_screen())
        return
    require_free_target(settings.home, folder, settings.home.folder / "site", or_itself=True)
    done = write_site(settings.home, folder.absolute())
    echo(f"Wrote the pages of {count(done.movies, 'movie')}\n  open {done.index.as_uri()}")
