"""What `reviews quarantine` does: show a quarantined row, and release rows that now pass their checks."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

from data_contracts.errors import BundleError, ReviewsError
from data_contracts.storage.home import Home
from deployments.settings import Settings
from flows.command.actions.home_protection import keep_runs_out
from tasks.maintenance import quarantine
from tasks.sources.catalogue import load_catalogue
from tasks.support.wording import count, escape_controls
from tasks.warehouse.database.warehouse_connection import require_warehouse
from tasks.warehouse.model_registry import find_promoted
from tasks.warehouse.publishing import publish
from tasks.warehouse.run_log import record_run


def show_row(home: Home, name: str, echo: Callable[[str], None]) -> None:
    """Print every field of a quarantined row, then its bytes as text."""
    row = quarantine.read_row(home.warehouse, name)
    raw = row.pop("raw")
    for column, value in row.items():
        if value is not None:
            shown = value.isoformat(" ", "seconds") if isinstance(value, datetime) else str(value)
            echo(f"{column:<15} {escape_controls(shown)}")
    echo("raw             " + ("none" if raw is None else count(len(raw), "byte")))
    if raw is not None:
        echo(escape_controls(raw.decode("utf-8", "backslashreplace"), keep="\n"))


def release(
    settings: Settings, choice: quarantine.Choice, encoding: str | None, by: str, echo: Callable[[str], None]
) -> None:
    """Release the chosen rows that now pass, and report the others; raise `ReviewsError` if every row still fails.

    Without `encoding`, undecodable texts are read in that of the profile of their source, or of the settings.
    """
    require_warehouse(settings.home.warehouse, "`reviews score`, which quarantines bad rows")
    parameters = {"encoding": encoding, **choice.parameters()}
    with (
        keep_runs_out(settings.home, echo),
        record_run(settings.home, str(uuid4()), "release-rows", parameters) as run,
    ):
        encodings = load_catalogue(settings.home).list_encodings()
        request = quarantine.ReleaseRequest(
            choice, run.run_id, by, settings.limits, encoding, encodings, settings.fallback_encoding
        )
        done = quarantine.release_rows(
            settings.home.warehouse, request, lambda model_id: _load_scorer(settings, model_id)
        )
        if done.rows:
            publish(settings.home)
    _report_release(done, echo)


def _report_release(done: quarantine.Release, echo: Callable[[str], None]) -> None:
    """Print what `reviews quarantine release` did: the rows released, and those that stay."""
    for each in done.still_bad:
        echo(f"  stays       {each.name} of {escape_controls(each.uri)}: {escape_controls(each.reason)}")
    if done.rows:
        for text in done.texts:
            echo(f"  read as     {escape_controls(text)}")
        echo(f"Released {count(done.rows, 'row')}, scored with {', '.join(done.models)}")
    elif done.still_bad:
        raise ReviewsError("No row was released: each still breaks a rule.")
    else:
        echo("No quarantined row matches. Next: `reviews quarantine list` lists all of them.")


def _load_scorer(settings: Settings, model_id: str) -> Any:
    """Load the scorer with which released rows are scored: that of a model that was promoted."""
    from models.bundle.blessed_scorer import load_blessed_scorer

    model = find_promoted(settings.home.warehouse, model_id)
    if model is None:
        raise BundleError(f"Model {model_id!r} was never promoted, so it does not score.")
    return load_blessed_scorer(settings.home.bundles / model_id, model.bundle_fingerprint)
