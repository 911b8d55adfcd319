"""The commands about models: `reviews models`, and what can be trained, promoted, tried as the shadow, and taught."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.command.console.arguments import TIME_FORMATS, Moment, PathName
from flows.command.console.output import echo
from flows.command.startup import find_api_url, load_settings, load_settings_to_read, prepare_prefect
from tasks.support.who import name_user

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data_contracts.storage.home import Home
    from tasks.labelling.choosing import ChosenReview
    from tasks.training.champion_choice import NewChampion

FOR_TIME = timedelta(days=14)
"""How long a model is the shadow if nothing else is said."""


@click.group(invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """List, compare, promote, try and teach the models.

    A star is before the champion. Name a model by its id, by the beginning of its id, or as `champion`.

    \b
    Examples:
      reviews models
      reviews models compare cnn_lstm-s1 champion
      reviews models promote cnn_lstm-s1
      reviews models rollback
      reviews models shadow start cnn_lstm-s1
      reviews models label
    """
    if context.invoked_subcommand is not None:
        return
    from data_contracts.errors import WarehouseError
    from tasks.training.model_list import describe_models
    from tasks.warehouse.model_registry import list_models
    from tasks.warehouse.shadow.record import find_shadow

    try:
        home = load_settings_to_read().home
    except WarehouseError:  # the store has no copy: a home that has only been begun
        home = load_settings().home
    echo(describe_models(list_models(home.readable), home))
    if shadow := find_shadow(home.readable):
        echo(f"The shadow, which scores unseen, is {shadow.model_id}: reviews models shadow status")


@models.command()
def variants() -> None:
    """List the variants that `reviews train` knows."""
    from models.variants import DEFAULT_VARIANT, list_variants

    for name, variant in list_variants().items():
        default = "  (the default)" if name == DEFAULT_VARIANT else ""
        click.echo(f"{name:<14} {variant.summary}{default}")


@models.command("compare")
@click.argument("challenger", metavar="MODEL")
@click.argument("champion", metavar="[OTHER]", default="champion")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True
)
def models_compare(challenger: str, champion: str, form: str) -> None:
    """Compare MODEL with OTHER, by default the champion.

    What the gate would decide is shown too. Both score the validation rows of the current data and the behavioural
    tests, and are timed in turns. A gain above 0 means that MODEL is better; each has a 95 % interval. Nothing is
    changed.

    \b
    Examples:
      reviews models compare cnn_lstm-s1
      reviews models compare lstm-s0 cnn_lstm-s0
      reviews models compare cnn_lstm-s1 champion --format json
    """
    from tasks.training.champion_choice import compare

    compare(load_settings().home, challenger, champion, form, echo)


@models.command("promote")
@click.argument("model", metavar="MODEL")
@click.option("--reason", metavar="TEXT", help="Kept with the promotion.")
@click.option("--force", is_flag=True, help="Promote it even if the gate refuses.")
def models_promote(model: str, reason: str | None, force: bool) -> None:
    """Make MODEL the champion if it passes the gate.

    The gate judges it against the current one. Even with --force, its bundle must be unaltered and give its golden
    scores on this machine. A refusal names the rules that MODEL breaks, and is recorded in the table gate_checks.

    \b
    Examples:
      reviews models promote cnn_lstm-s1
      reviews models promote lstm-s0 --force --reason "the cnn_lstm misjudges long reviews"
    """
    from tasks.training.champion_choice import promote

    settings = load_settings()
    champion = promote(settings.home, model, echo, reason, name_user() if force else None)
    _notify_promoted(settings.home, champion)


@models.command("rollback")
@click.option("--to", "model", metavar="MODEL", help="An earlier champion. [default: the one before]")
@click.option("--reason", metavar="TEXT", help="Kept with the rollback.")
def models_rollback(model: str | None, reason: str | None) -> None:
    """Make an earlier champion the champion again.

    A second rollback goes one champion further back. The gate is not asked, but the bundle must be unaltered and
    give its golden scores.

    \b
    Examples:
      reviews models rollback
      reviews models rollback --to cnn_lstm-s0 --reason "too many complaints"
    """
    from tasks.training.champion_choice import go_back

    settings = load_settings()
    champion = go_back(settings.home, model, reason or f"rolled back by {name_user()}", echo)
    _notify_promoted(settings.home, champion)


def _notify_promoted(home: "Home", champion: "NewChampion | None") -> None:
    """After `reviews models promote` or `rollback`, emit the event of the new champion if a Prefect server is used."""
    if champion is None:
        return
    prepare_prefect(may_start=False)
    if find_api_url():
        from tasks.stages.events import emit_promoted

        emit_promoted(home, *champion)


@models.group()
def shadow() -> None:
    """Let a challenger score beside the champion, unseen.

    Runs score with it what the champion has scored, after the champion. Its scores are in tables of their own: no
    view of the scores that count, no export and no page has them. How it does beside the champion is in
    `reviews sql shadow-comparison` and in the report of each run; and the gate refuses it if it was worse on
    labelled reviews.

    \b
    Examples:
      reviews models shadow start cnn_lstm-s1
      reviews models shadow status
      reviews models shadow stop
    """


@shadow.command()
@click.argument("model", metavar="MODEL")
@click.option(
    "--until", type=Moment(TIME_FORMATS), metavar="DATE", help="Until when, in UTC. [default: for 14 days]"
)
@click.option(
    "--since",
    type=Moment(TIME_FORMATS),
    metavar="DATE",
    help="Also score what has arrived since this date (UTC). [default: only what arrives from now on]",
)
def start(model: str, until: datetime | None, since: datetime | None) -> None:
    """Make MODEL the shadow.

    It is a trained model that is not the champion, named by its id or the beginning of it. Its bundle must be
    unaltered and give its golden scores on this machine. For the model that is the shadow already, the end is
    changed.

    \b
    Examples:
      reviews models shadow start cnn_lstm-s1
      reviews models shadow start cnn_lstm-s1 --since 2026-11-01 --until 2026-12-24
    """
    from tasks.scoring.plan import to_utc
    from tasks.shadow.start_and_stop import start as start_shadow
    from tasks.warehouse.shadow.record import ShadowStart

    end = to_utc(until) or datetime.now(UTC) + FOR_TIME
    asked = ShadowStart(model, name_user(), end, to_utc(since))
    start_shadow(load_settings().home, asked, echo)


@shadow.command()
def stop() -> None:
    """End the shadow. Its scores stay, for the comparison and the gate."""
    from tasks.shadow.start_and_stop import stop as stop_shadow

    settings = load_settings()
    stop_shadow(settings.home, name_user(), echo)


@shadow.command()
def status() -> None:
    """Show the shadow, its scores, and what the gate says of them.

    How it does beside the champion, also by source, is in `reviews sql shadow-comparison`.
    """
    from tasks.shadow.status import describe_status

    echo(describe_status(load_settings().home))


@models.command()
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
      reviews models label
      reviews models label --count 50 --source shop-a
      reviews models label --csv to-label.csv --count 200
    """
    from data_contracts.storage.durable import make_folder
    from tasks.labelling.choosing import LabelRequest, choose_reviews
    from tasks.labelling.intake import list_waiting
    from tasks.labelling.sheet import require_new, write_sheet
    from tasks.support.outside_targets import require_free_target
    from tasks.support.wording import count, escape_controls
    from tasks.warehouse.database.migrating import require_no_reader

    settings = load_settings()
    require_no_reader(settings.home.warehouse)
    home = settings.home
    if sheet:
        require_free_target(home, sheet, home.labels)
        require_new(sheet)
    reviews = choose_reviews(home.published, LabelRequest(wanted, source, movie), list_waiting(home))
    if not reviews:
        named = [f"source {source!r}"] * bool(source) + [f"movie {movie!r}"] * bool(movie)
        echo(
            "There is nothing to label: the champion scored no review without a label"
            + (escape_controls(f" of {' and '.join(named)}.") if named else ".")
        )
    elif sheet:
        write_sheet(sheet, reviews)
        make_folder(home.labels)  # into which it is to be put
        echo(
            f"Wrote {count(len(reviews), 'review')} to {sheet}"
            f"{'' if len(reviews) == wanted else '; no others lack a label'}\n"
            "Next: fill in the column label (positive or negative) or stars (1 to 10), leave empty what you can't "
            f"tell, and put the file into {home.labels}/; `reviews score` takes it in."
        )
    else:
        echo(_ask(home, reviews))


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
