"""The real commands' functions by name, each as the command line would call it on the home of the settings."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from deployments.settings import Settings, load_settings
from flows.command import asking, promoting, upkeep
from tasks.maintenance.quarantine import Choice
from tasks.queries.exports import Wish
from tasks.warehouse.row_names import parse_row_name

BY = "explorer"
Say = Callable[[str], None]


def score(say: Say, **parameters: Any) -> None:
    from flows.score_reviews import score_reviews

    say(str(score_reviews.fn(**parameters)))


def promote(say: Say, model: str) -> None:
    promoting.promote(_settings(), model, "for a test", True, BY, say, _tell_no_one)


def roll_back(say: Say, model: str | None = None) -> None:
    promoting.go_back(_settings(), model, None, BY, say, _tell_no_one)


def release(say: Say, rows: list[str], rule: str | None, encoding: str) -> None:
    choice = Choice(tuple(map(parse_row_name, rows)), rule, None)
    upkeep.release(_settings(), choice, encoding, BY, say)


def forget(say: Say, name: str, kind: str) -> None:
    upkeep.forget(_settings(), name, kind, "asked for", BY, say)


def export(say: Say, folder: str, only_new: bool, since: str | None) -> None:
    asking.export(
        _settings(), Path(folder), Wish(), date.fromisoformat(since) if since else None, only_new, say
    )


def back_up(say: Say, folder: str | None) -> None:
    upkeep.back_up(_settings(), Path(folder) if folder else None, say)


def restore(say: Say, folder: str) -> None:
    upkeep.restore(_settings(), Path(folder), say)


def verify(say: Say) -> None:
    upkeep.run_verify(_settings(), say)


COMMANDS: dict[str, Callable[..., None]] = {
    each.__name__: each
    for each in (score, promote, roll_back, release, forget, export, back_up, restore, verify)
}


def _settings() -> Settings:
    return load_settings()


def _tell_no_one(*told: object) -> None:
    pass
