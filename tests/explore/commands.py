"""Calls the functions of the real commands by name, as the command line does, on the home of the settings."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from deployments.settings import Settings, load_settings
from tasks.delivery.delivering import EXPORTED, ExportRequest
from tasks.delivery.delivering import export as export_scores
from tasks.maintenance import quarantine, verification
from tasks.maintenance.forgetting import ForgetRequest
from tasks.maintenance.forgetting_everywhere import forget_everywhere
from tasks.maintenance.quarantine import Choice
from tasks.snapshots.home_backup import back_up_home, restore_home
from tasks.snapshots.making import Options
from tasks.training import champion_choice
from tasks.warehouse.row_names import parse_row_name

BY = "explorer"
Say = Callable[[str], None]


def score(say: Say, **parameters: Any) -> None:
    from flows.score_reviews import score_reviews

    say(str(score_reviews.fn(**parameters)))


def rescan(say: Say) -> None:
    score(say, rescan="default")


def promote(say: Say, model: str) -> None:
    champion_choice.promote(_settings().home, model, say, "for a test", BY)


def roll_back(say: Say, model: str | None = None) -> None:
    champion_choice.go_back(_settings().home, model, f"rolled back by {BY}", say)


def release(say: Say, rows: list[str], rule: str | None, encoding: str) -> None:
    choice = Choice(tuple(map(parse_row_name, rows)), rule, None)
    settings = _settings()
    request = quarantine.ReleaseRequest(choice, BY, settings.limits, encoding)
    quarantine.release(settings.home, request, say)


def forget(say: Say, name: str, kind: str) -> None:
    forget_everywhere(_settings().home, ForgetRequest(name, kind, BY, "asked for"), say)


def export(say: Say, folder: str, only_new: bool, since: str | None) -> None:
    request = ExportRequest(layout=replace(EXPORTED, since=since), only_new=only_new)
    say(f"Exported {export_scores(_settings().home, Path(folder), request)[1].rows:,} rows")


def back_up(say: Say, folder: str | None, full: bool) -> None:
    settings = _settings()
    back_up_home(settings.home, folder, say, Options(settings.keep_backups, full))


def restore(say: Say, folder: str) -> None:
    restore_home(_settings().home, Path(folder), say)


def verify(say: Say) -> None:
    verification.verify_home(_settings().home, say)


COMMANDS: dict[str, Callable[..., None]] = {
    each.__name__: each
    for each in (score, rescan, promote, roll_back, release, forget, export, back_up, restore, verify)
}


def _settings() -> Settings:
    return load_settings()
