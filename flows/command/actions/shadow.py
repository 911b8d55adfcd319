"""What `reviews shadow start` and `stop` do."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from deployments.settings import Settings
from tasks.scoring.plan import to_utc
from tasks.warehouse.model_registry import find_champion, find_model
from tasks.warehouse.publishing import publish
from tasks.warehouse.shadow import record

DEFAULT_DURATION = "14d"
_UNITS = {"d": "days", "h": "hours"}
_LONGEST = timedelta(days=3660)


@dataclass(frozen=True)
class StartRequest:
    """The arguments of `reviews shadow start`, and who asks for it."""

    model: str
    by: str
    duration: str | None = None
    """Such as 14d or 12h."""
    until: datetime | None = None
    since: datetime | None = None


def start_shadow(settings: Settings, asked: StartRequest, echo: Callable[[str], None]) -> None:
    """Do what `reviews shadow start` does: check the model and its bundle, record it, and publish that."""
    from models.bundle.blessed_scorer import load_blessed_scorer

    home, until = settings.home, choose_end(asked, datetime.now(UTC))
    row = find_model(home.warehouse, asked.model)
    if find_champion(home.warehouse) is None:
        raise UsageError(
            "No model has been promoted yet, and a shadow scores what the champion has scored. Next: reviews models "
            "promote MODEL"
        )
    if row["is_champion"]:
        raise UsageError(
            f"{row['model_id']} is the champion. Next: name another model; `reviews models` lists them."
        )
    load_blessed_scorer(home.bundles / row["model_id"], row["bundle_fingerprint"])
    start = record.ShadowStart(row["model_id"], asked.by, until, to_utc(asked.since))
    is_new = record.start_shadow(home.warehouse, start)
    publish(home)
    echo(
        f"{row['model_id']} is the shadow {'' if is_new else 'still, now '}until {until:%Y-%m-%d %H:%M} UTC."
    )
    if not settings.shadow_minutes:
        echo("But REVIEWS_SHADOW_MINUTES is 0, so no run scores with it.")
    elif is_new:
        arrives = "arrives from now on" if asked.since is None else f"arrived since {asked.since:%Y-%m-%d}"
        echo(
            f"Runs of `reviews score` score with it, after the champion, what {arrives}. Nobody sees these scores.\n"
            "Next: reviews shadow status"
        )


def choose_end(asked: StartRequest, now: datetime) -> datetime:
    """Return when the shadow ends by itself; raise `UsageError` for a wrong time, or one that is over."""
    if asked.duration is not None and asked.until is not None:
        raise UsageError("--for and --until both say when it ends. Next: give one of them.")
    until = to_utc(asked.until) or now + _parse_duration(asked.duration or DEFAULT_DURATION)
    if not now < until <= now + _LONGEST:
        raise UsageError(
            f"--until {until:%Y-%m-%d %H:%M} UTC is over, or more than ten years away. Next: name a later date, or "
            "an earlier one."
        )
    return until


def _parse_duration(text: str) -> timedelta:
    """Return a duration such as 14d or 12h."""
    found = re.fullmatch(r"([1-9][0-9]{0,4})([dh])", text.strip())
    if not found:
        raise UsageError(f"--for {text!r}: write days or hours, such as 14d or 12h.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def stop_shadow(home: Home, by: str, echo: Callable[[str], None]) -> None:
    """Do what `reviews shadow stop` does: end the shadow, and publish that."""
    stopped = record.stop_shadow(home.warehouse, by) if home.warehouse.exists() else None
    if stopped is None:
        echo("No model is the shadow, so there is nothing to stop.")
        return
    publish(home)
    echo(
        f"{stopped.model_id} is no longer the shadow; its scores stay for the comparison. Next: "
        f"`reviews shadow status`, or `reviews models promote {stopped.model_id}`"
    )
