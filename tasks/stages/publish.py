"""The stages that publish a copy of the database, keep a snapshot in a store, and deliver to the destinations."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from prefect import get_run_logger, task

from data_contracts.storage.home import Home
from data_contracts.storage.listing import list_paths
from tasks.maintenance.forgetting import finish_forgetting
from tasks.stages.log_messages import warn
from tasks.stages.retries import RETRY_TRANSIENT, look
from tasks.store.upload_trouble import drop_trouble, note_trouble
from tasks.support.wording import count, escape_controls
from tasks.warehouse.database.rewriting import finish_rewriting, name_renewal_mark
from tasks.warehouse.publishing import needs_publishing, publish

if TYPE_CHECKING:
    from tasks.delivery.destinations import Destination
    from tasks.delivery.results import Delivered


@task(name="publish", **RETRY_TRANSIENT)
def publish_copy(home: Home) -> None:
    """Replace the published copy by a new copy of the database, once what it has as forgotten is remembered."""
    end_forgetting(home)
    publish(home)


def end_forgetting(home: Home) -> None:
    """End what a killed `forget` left undone, and what a commit has left out or deleted of a file that has grown."""
    if finish_forgetting(home):
        from tasks.report.writing import drop_reports_of_forgotten
        from tasks.snapshots.forgotten_beside import note_forgotten

        for trouble in note_forgotten(home):
            warn(trouble)
        drop_reports_of_forgotten(home)
    finish_rewriting(home.warehouse)


def keep_snapshot(home: Home, store: str | None, keep: int) -> None:
    """Make a snapshot in a store if something is new; warn if that fails: the next run tries again.

    The newest `keep` stay there. Without a store, or a published copy, nothing is done.
    """
    if store is not None and home.published.is_file():
        from tasks.snapshots import after_runs

        try:
            look("keep-snapshot", partial(after_runs.snapshot_after_run, home, store, keep))
        except Exception as error:  # the scores are committed, so the run has not failed
            warn(f"No snapshot was made in the store: {error}")
            note_trouble(home, store, str(error))
            return
    drop_trouble(home)


def deliver_due(home: Home, urls: Mapping[str, str]) -> None:
    """Deliver to each destination what it may lack; `urls` are the addresses of databases, by destination.

    Without destinations nothing is done here, unless a killed `forget` has left its rows in the home's exports.
    """
    mark = name_renewal_mark(home.warehouse)
    if mark.exists() and not needs_publishing(home):
        from tasks.delivery.delivering import renew_exports

        for trouble in renew_exports(home):
            warn(f"An export may still hold what was forgotten: {trouble}")
        mark.unlink(missing_ok=True)
    if not list_paths(home.destinations, "[!.]*.toml"):
        return
    from tasks.delivery.delivering import is_due, note_broken
    from tasks.delivery.destinations import load_destinations

    found = load_destinations(home, urls)
    for name, problem in found.broken.items():
        if note_broken(home, name, problem):
            warn(f"Not delivered: {problem}")
    for destination in found.known:
        if is_due(home, destination):
            deliver_scores(home, destination)


@task(name="deliver", task_run_name="deliver-{destination.name}")
def deliver_scores(home: Home, destination: "Destination") -> "Delivered | None":
    """Deliver to a destination; if that fails, warn once of each reason and return None: the next run tries again."""
    from tasks.delivery.delivering import deliver, read_standing

    before = read_standing(home, destination.name).error
    try:
        done = deliver(home, destination)
    except Exception as error:  # the scores are committed, so the run has not failed
        if str(error) == before:
            get_run_logger().info(f"Still not delivered: {escape_controls(str(error))}")
        else:
            warn(f"Not delivered: {error}")
        return None
    get_run_logger().info(
        f"Delivered to {destination.name}: {count(done.rows, 'row')}, {done.removed:,} removed, of "
        f"{count(done.files, 'file')}."
    )
    return done
