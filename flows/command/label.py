"""The command `reviews label`: labels of reviews by people, in the terminal or in a sheet."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.console.arguments import PathName
from flows.command.console.output import echo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data_contracts.storage.home import Home
    from tasks.labelling.choosing import ChosenReview


@click.command()
@click.option(
    "--count",
    "wanted",
    type=click.IntRange(1, 10_000),
    default=20,
    show_default=True,
    help="Reviews to ask about.",
)
@click.option("--source", metavar="NAME", help="Ask only about reviews of this source.")
@click.option("--movie", metavar="MOVIE_ID", help="Ask only about reviews of this movie.")
@click.option(
    "--csv",
    "sheet",
    type=PathName(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the reviews to this file instead, with empty columns `label` and `stars` to fill in.",
)
def label(wanted: int, source: str | None, movie: str | None, sheet: Path | None) -> None:
    """Label the reviews that teach most, here or in a CSV file.

    In the terminal they are asked about one after the other. Of four reviews two are those of which the model is
    least certain, one has many words that it does not know, and one is drawn at random; sources that drift come
    first. The random ones alone count in live_accuracy, since a model gets fewer of the others right. The score is
    not shown, so that it can't sway you.

    Each answer is kept at once, in inbox/labels/ of the home. The next run takes it in: `live_accuracy` and
    `reviews train --with-own` then know it. A file that was filled in goes into inbox/labels/ too, of the home or of
    the store.

    \b
    Examples:
      reviews label
      reviews label --count 50 --source shop-a
      reviews label --csv to-label.csv --count 200
    """
    from data_contracts.storage.durable import make_folder
    from deployments.settings import load_settings
    from flows.command.startup import find_home_to_read
    from tasks.labelling.choosing import LabelRequest, choose_reviews
    from tasks.labelling.intake import list_waiting
    from tasks.labelling.sheet import require_new, write_sheet
    from tasks.support.outside_targets import require_free_target
    from tasks.warehouse.database.migrating import require_no_reader

    settings = load_settings()
    if not settings.shared_store:
        require_no_reader(settings.home.warehouse)
    home = find_home_to_read() if settings.shared_store else settings.home
    if sheet:
        require_free_target(home, sheet, home.labels)
        require_new(sheet)
    reviews = choose_reviews(home.published, LabelRequest(wanted, source, movie), list_waiting(home))
    if not reviews:
        echo(
            "There is nothing to label: the champion scored no review without a label"
            + _describe_choice(source, movie)
        )
    elif sheet:
        write_sheet(sheet, reviews)
        make_folder(home.labels)  # into which it is to be put
        echo(_describe_sheet(home, sheet, len(reviews), wanted))
    else:
        echo(_ask(home, reviews))


def _describe_choice(source: str | None, movie: str | None) -> str:
    """Return the end of a sentence that names what was asked for."""
    from tasks.support.wording import escape_controls

    names = [f"source {source!r}"] * bool(source) + [f"movie {movie!r}"] * bool(movie)
    return escape_controls(f" of {' and '.join(names)}." if names else ".")


def _describe_sheet(home: "Home", sheet: Path, reviews: int, wanted: int) -> str:
    """Return the message after a sheet was written."""
    from tasks.support.wording import count

    return (
        f"Wrote {count(reviews, 'review')} to {sheet}{'' if reviews == wanted else '; no others lack a label'}\n"
        "Next: fill in the column label (positive or negative) or stars (1 to 10), leave empty what you can't tell, "
        f"and put the file into {home.labels}/; `reviews score` takes it in."
    )


def _ask(home: "Home", reviews: "Sequence[ChosenReview]") -> str:
    """Ask about reviews in the terminal; return the message at the end."""
    import shutil

    from tasks.labelling.asking_in_terminal import PROMPT, Screen, ask_labels
    from tasks.labelling.kept_answers import open_answers
    from tasks.support.wording import count

    size = shutil.get_terminal_size()
    click.echo(f"Is the writer's opinion positive or negative? {PROMPT}")
    with open_answers(home) as answers:
        given = ask_labels(reviews, answers, Screen(size.columns, size.lines), _read_answer, click.echo)
    skipped = f", {given.skipped:,} skipped" if given.skipped else ""
    if not given.labels:
        return f"\nNo label was given{skipped}."
    return (
        f"\nKept {count(len(given.labels), 'label')}{skipped}: {answers.path}\n"
        "Next: `reviews score` takes them in, or the next run of `reviews up`."
    )


def _read_answer() -> str | None:
    """Return what was typed; None if the input has ended, or was interrupted."""
    try:
        return str(click.prompt("p, n, 1-10, s, u, t, q", default="", show_default=False))
    except click.Abort:
        return None
