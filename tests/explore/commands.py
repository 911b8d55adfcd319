"""Calls the functions of the real commands by name, as the command line does, on the home of the settings."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from deployments.settings import Settings, load_settings
from flows.command.actions import backup, quarantine
from flows.command.actions import promote as promotion
from flows.command.actions import verify as verification
from flows.command.actions.export import export as export_scores
from flows.command.actions.forget import forget as forget_rows
from tasks.exports.export_files import ExportRequest
from tasks.maintenance.forgetting import ForgetRequest
from tasks.maintenance.quarantine import Choice
from tasks.warehouse.row_names import parse_row_name

BY = "explorer"
Say = Callable[[str], None]


def score(say: Say, **parameters: Any) -> None:
    from flows.score_reviews import score_reviews

    say(str(score_reviews.fn(**parameters)))


def rescan(say: Say) -> None:
    score(say, rescan="default")


def promote(say: Say, model: str) -> None:
    request = promotion.PromotionRequest(model, BY, "for a test", force=True)
    promotion.promote(_settings().home, request, say)


def roll_back(say: Say, model: str | None = None) -> None:
    promotion.go_back(_settings().home, model, None, BY, say)


def release(say: Say, rows: list[str], rule: str | None, encoding: str) -> None:
    choice = Choice(tuple(map(parse_row_name, rows)), rule, None)
    quarantine.release(_settings(), choice, encoding, BY, say)


def forget(say: Say, name: str, kind: str) -> None:
    forget_rows(_settings().home, ForgetRequest(name, kind, BY, "asked for"), say)


def export(say: Say, folder: str, only_new: bool, since: str | None) -> None:
    first_day = date.fromisoformat(since) if since else None
    say(export_scores(_settings().home, Path(folder), ExportRequest(since=first_day, only_new=only_new)))


def back_up(say: Say, folder: str | None, full: bool) -> None:
    settings = _settings()
    backup.back_up(settings.home, Path(folder) if folder else None, say, settings.keep_backups, full)


def restore(say: Say, folder: str) -> None:
    backup.restore(_settings().home, Path(folder), say)


def verify(say: Say, check_all: bool) -> None:
    verification.run_verify(_settings().home, check_all, say)


COMMANDS: dict[str, Callable[..., None]] = {
    each.__name__: each
    for each in (score, rescan, promote, roll_back, release, forget, export, back_up, restore, verify)
}


def _settings() -> Settings:
    return load_settings()
