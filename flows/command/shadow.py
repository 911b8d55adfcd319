"""The commands of the shadow, the challenger that scores beside the champion without being seen."""

import re
from datetime import UTC, datetime, timedelta

import click

from data_contracts.errors import UsageError
from flows.command.console.arguments import TIME_FORMATS, Moment
from flows.command.console.output import echo
from flows.command.startup import load_settings_to_write
from tasks.support.who import name_user

DEFAULT_DURATION = timedelta(days=14)


def _parse_duration(context: click.Context, option: click.Parameter, text: str | None) -> timedelta | None:
    """Return a duration such as 14d or 12h."""
    if text is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,4})([dh])", text.strip())
    if not found:
        raise UsageError(f"--for {text!r}: write days or hours, such as 14d or 12h.")
    return timedelta(**{{"d": "days", "h": "hours"}[found[2]]: int(found[1])})


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
@click.option(
    "--for", "duration", callback=_parse_duration, metavar="TIME", help="How long: 14d, 12h. [default: 14d]"
)
@click.option("--until", type=Moment(TIME_FORMATS), metavar="DATE", help="Instead: until when, in UTC.")
@click.option(
    "--since",
    type=Moment(TIME_FORMATS),
    metavar="DATE",
    help="Also score what has arrived since this date (UTC). [default: only what arrives from now on]",
)
def start(model: str, duration: timedelta | None, until: datetime | None, since: datetime | None) -> None:
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
    from tasks.scoring.plan import to_utc
    from tasks.shadow.start_and_stop import start as start_shadow
    from tasks.warehouse.shadow.record import ShadowStart

    if duration is not None and until is not None:
        raise UsageError("--for and --until both say when it ends. Next: give one of them.")
    end = to_utc(until) or datetime.now(UTC) + (duration or DEFAULT_DURATION)
    with load_settings_to_write() as settings:
        asked = ShadowStart(model, name_user(), end, to_utc(since))
        start_shadow(settings.home, asked, settings.shadow_minutes, echo)


@shadow.command()
def stop() -> None:
    """End the shadow. Its scores stay, for the comparison and the gate."""
    from tasks.shadow.start_and_stop import stop as stop_shadow

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
