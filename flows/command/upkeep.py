"""What the commands do that look after the database: verify, quarantine, forget, backup and restore.

None of them is a flow: people run them by hand, and each is over in moments.
"""

import getpass
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from data_contracts.errors import BundleError, ReviewsError
from deployments.settings import Settings
from flows.command.targets import require_free_target
from tasks.maintenance import backups, forgetting, quarantine, retention
from tasks.maintenance.verification import Finding, verify
from tasks.queries.exports import holds_export
from tasks.support.code_version import name_code_version
from tasks.support.locking import hold_folder
from tasks.support.wording import count, escape_controls
from tasks.warehouse.connection import require_warehouse
from tasks.warehouse.model_registry import find_promoted
from tasks.warehouse.published import publish
from tasks.warehouse.run_log import end_run, start_run

Say = Callable[[str], None]

_NOTHING_TO_FORGET = "`reviews score`; there is nothing to forget before"


def run_verify(settings: Settings, say: Say) -> None:
    """Say of each promise whether it holds; raise `ReviewsError` at the end if one does not."""
    require_warehouse(settings.warehouse, "`reviews score`, or `reviews restore`")
    broken = 0
    with _alone(settings, say):
        for finding in verify(
            settings.warehouse, settings.published, settings.bundles_dir, settings.reviews_dir
        ):
            say(_describe(finding))
            broken += bool(finding.broken)
    if broken:
        raise ReviewsError(
            f"{count(broken, 'promise')} broken. Next: mend what is named, or `reviews restore` a backup from before."
        )
    say("All holds.")


def _describe(finding: Finding) -> str:
    if not finding.broken:
        return f"ok      {finding.promise}"
    more = finding.broken - len(finding.examples)
    lines = [f"BROKEN  {finding.promise}: {finding.broken:,}"]
    lines += [f"        - {escape_controls(each)}" for each in finding.examples]
    lines += [f"        - and {more:,} more"] if more else []
    return "\n".join(lines)


def show_row(settings: Settings, name: str, say: Say) -> None:
    """Say all that is known of a row that was set aside, its bytes last."""
    row = quarantine.read_row(settings.warehouse, name)
    raw = row.pop("raw")
    for column, value in row.items():
        if value is not None:
            shown = value.isoformat(" ", "seconds") if isinstance(value, datetime) else str(value)
            say(f"{column:<15} {escape_controls(shown)}")
    say("raw             " + ("none" if raw is None else f"{len(raw):,} bytes"))
    if raw is not None:
        say(escape_controls(raw.decode("utf-8", "backslashreplace"), keep="\n"))


def release(settings: Settings, choice: quarantine.Choice, encoding: str, by: str | None, say: Say) -> None:
    """Release the chosen rows; raise `ReviewsError` if none could be."""
    require_warehouse(settings.warehouse, "`reviews score`, which sets bad rows aside")
    released_by = (by or name_user()) + ("" if encoding == "utf-8" else f" (read as {encoding})")
    with _record(settings, "release-rows", {"encoding": encoding, **choice.parameters()}, say) as run_id:
        request = quarantine.ReleaseRequest(choice, run_id, released_by, settings.limits, encoding)
        done = quarantine.release_rows(
            settings.warehouse, request, lambda model_id: _load(settings, model_id)
        )
        if done.rows:
            publish(settings.warehouse, settings.published)
    for each in done.still_bad:
        say(f"  stays       {each.name} of {escape_controls(each.uri)}: {escape_controls(each.reason)}")
    if done.rows:
        for text in done.texts:
            say(f"  read as     {escape_controls(text)}")
        say(f"Released {count(done.rows, 'row')}, scored with {', '.join(done.models)}")
    elif done.still_bad:
        raise ReviewsError("No row was released: each still breaks a rule.")
    else:
        say("No row is set aside that fits. `reviews quarantine list` shows those that there are.")


def _load(settings: Settings, model_id: str) -> Any:
    from models.evaluation.gate import load_blessed_scorer

    model = find_promoted(settings.warehouse, model_id)
    if model is None:
        raise BundleError(f"Model {model_id!r} was never promoted, so it does not score.")
    return load_blessed_scorer(settings.bundles_dir / model_id, model.bundle_fingerprint)


def forget(
    settings: Settings, name: str, kind: str | None, reason: str | None, by: str | None, say: Say
) -> None:
    """Forget what `name` means, and say where else it may be."""
    from tasks.report.writing import drop_reports_of_forgotten

    require_warehouse(settings.warehouse, _NOTHING_TO_FORGET)
    with _alone(settings, say):
        forgetting.commit_waiting(settings.parts_dir, settings.warehouse)
        meant = forgetting.find_forgettable(settings.warehouse, name, kind)
        done = forgetting.forget(settings.warehouse, name, meant.kind, by or name_user(), reason)
        publish(settings.warehouse, settings.published)
        reports = drop_reports_of_forgotten(settings.reports_dir, settings.published)
    say(
        f"Forgot {count(done.rows, 'row')} ({done.kind} {escape_controls(name)}), {done.of_those_quarantined:,} of "
        "them set aside."
    )
    for path in reports:
        say(f"  removed a report that showed it: {path.name} (anew: reviews report {path.stem})")
    present = forgetting.list_present(done, settings.inbox_dir, settings.scored_dir)
    kept = [path for path in sorted(settings.backups_dir.glob("*")) if path.is_dir()]
    aside = sorted(settings.home.glob("reviews.replaced-*.duckdb"))
    exported = [settings.exports_dir] if holds_export(settings.exports_dir) else []
    for path in (*present, *kept, *aside, *exported):
        say(f"  may still hold it: {escape_controls(str(path))}")
    if exported:
        say("An export is made anew, without it, by `reviews export` without --new.")
    if present or kept or aside:
        say(
            "Those are yours to edit or remove: files that were scored are not read again unless they change."
        )


def describe_forgettable(settings: Settings, name: str, kind: str | None) -> str:
    """Say what would be forgotten."""
    require_warehouse(settings.warehouse, _NOTHING_TO_FORGET)
    meant = forgetting.find_forgettable(settings.warehouse, name, kind)
    files = ", ".join(map(escape_controls, meant.files[:3])) + (", ..." if len(meant.files) > 3 else "")
    rows = f"{count(meant.rows, 'row')} of {count(len(meant.files), 'file')}"
    return f"{rows} ({files}), by {meant.kind} {escape_controls(name)}"


def back_up(settings: Settings, target: Path | None, say: Say) -> None:
    """Make a backup; one without a name lies in `backups/`, where only the newest are kept."""
    if target:
        require_free_target(settings, target, settings.backups_dir)
    done = backups.back_up(
        settings.warehouse, settings.bundles_dir, target or backups.name_backup(settings.backups_dir)
    )
    say(
        f"Backed up {done.bytes / 2**20:,.1f} MiB, the database and {count(done.bundles, 'bundle')}:\n  {done.folder}"
    )
    if target is None:
        for path in backups.drop_older(settings.backups_dir, settings.keep_backups, done.folder):
            say(f"  dropped an older one: {path.name}")


def restore(settings: Settings, folder: Path, say: Say) -> None:
    """Put a backup in place and publish it."""
    with _alone(settings, say):
        kept = backups.restore(folder, settings.warehouse, settings.bundles_dir, settings.parts_dir)
        back = retention.bring_back(settings.warehouse, settings.scored_dir, settings.inbox_dir)
        publish(settings.warehouse, settings.published)
    say(f"Restored {folder}")
    if back:
        say(f"  {count(back, 'file')} of `scored/` that came after it: back in the inbox")
    if kept:
        say(f"  the database before it is kept as {kept.name}")
    say(
        "Next: `reviews score` scores what came in after the backup; `reviews verify` proves that all is whole."
    )


def name_user() -> str:
    """Name who runs this, as the system knows them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


@contextmanager
def _alone(settings: Settings, say: Say) -> Iterator[None]:
    """Let no scoring run go on while the block runs; one that does is waited for."""
    settings.make_home()
    settings.parts_dir.mkdir(parents=True, exist_ok=True)
    with hold_folder(settings.parts_dir, lambda folder: say("Waiting until a run has ended ...")):
        yield


@contextmanager
def _record(settings: Settings, name: str, parameters: Mapping[str, Any], say: Say) -> Iterator[str]:
    """Record a command that changes rows as a run, so that rows can name it; no scoring run goes on meanwhile."""
    run_id = str(uuid4())
    with _alone(settings, say):
        start_run(settings.warehouse, run_id, name, parameters, name_code_version())
        try:
            yield run_id
        except BaseException:
            with suppress(ReviewsError):  # what went wrong matters more than its record
                end_run(settings.warehouse, run_id, "failed", {})
            raise
        end_run(settings.warehouse, run_id, "completed", {})
