"""The commands of the shadow, the challenger that scores beside the champion without being seen."""

from datetime import datetime

import click

from flows.command.console.arguments import TIME_FORMATS, Moment
from flows.command.console.output import echo
from flows.command.startup import load_settings_to_write
from tasks.support.who import name_user


@click.group()
def shadow() -> None:
    """Let a challenger score beside the champion, unseen.

    Runs score with it what the champion has scored, after the champion. Its scores are in tables of their own: no
    view of the scores that count, no export and no page has them. How it does beside the champion is in
    `reviews shadow status`, in `reviews sql shadow-comparison` and in the report of each run; and the gate refuses it
    if it was worse on labelled reviews.

    \b
    Examples:
      reviews shadow start cnn_lstm-s1
      reviews shadow status
      reviews shadow stop
    """


@shadow.command()
@click.argument("model", metavar="MODEL")
@click.option("--for", "duration", metavar="TIME", help="How long: 14d, 12h. [default: 14d]")
@click.option("--until", type=Moment(TIME_FORMATS), metavar="DATE", help="Instead: until when, in UTC.")
@click.option(
    "--since",
    type=Moment(TIME_FORMATS),
    metavar="DATE",
    help="Also score what has arrived since this date (UTC). [default: only what arrives from now on]",
)
def start(model: str, duration: str | None, until: datetime | None, since: datetime | None) -> None:
    """Make MODEL the shadow.

    It is a trained model that is not the champion, named by its id or the beginning of it. Its bundle must be
    unaltered and give its golden scores on this machine. For the model that is the shadow already, the end is
    changed.

    \b
    Examples:
      reviews shadow start cnn_lstm-s1
      reviews shadow start cnn_lstm-s1 --for 30d
      reviews shadow start cnn_lstm-s1 --since 2026-11-01 --until 2026-12-24
    """
    from flows.command.actions.shadow import StartRequest, start_shadow

    with load_settings_to_write() as settings:
        start_shadow(settings, StartRequest(model, name_user(), duration, until, since), echo)


@shadow.command()
def stop() -> None:
    """End the shadow. Its scores stay, for the comparison and the gate."""
    from flows.command.actions.shadow import stop_shadow

    with load_settings_to_write() as settings:
        stop_shadow(settings.home, name_user(), echo)


@shadow.command()
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def status(form: str) -> None:
    """Show the shadow, its scores, and how it does beside the champion.

    \b
    Examples:
      reviews shadow status
      reviews shadow status --format json | jq .comparison
    """
    from deployments.settings import load_settings
    from tasks.shadow.status import describe_status, list_facts, read_status
    from tasks.support.wording import drop_nan, format_json

    found = read_status(load_settings().home)
    echo(format_json(drop_nan(list_facts(found))) if form == "json" else describe_status(found))
