"""What `reviews backup` and `reviews restore` do: copy the database and the bundles, and put a copy back."""

from collections.abc import Callable
from pathlib import Path

from deployments.settings import Settings
from flows.command.actions.exclusive import keep_runs_out
from flows.command.actions.targets import require_free_target
from tasks.maintenance import backups, retention
from tasks.support.wording import count
from tasks.warehouse.published import publish


def back_up(settings: Settings, target: Path | None, echo: Callable[[str], None]) -> None:
    """Make a backup; one without a name lies in `backups/`, where only the newest are kept."""
    if target:
        require_free_target(settings, target, settings.backups_dir)
    done = backups.back_up(
        settings.warehouse, settings.bundles_dir, target or backups.name_backup(settings.backups_dir)
    )
    echo(
        f"Backed up {done.bytes / 2**20:,.1f} MiB, the database and {count(done.bundles, 'bundle')}:\n  {done.folder}"
    )
    if target is None:
        for path in backups.drop_older(settings.backups_dir, settings.keep_backups, done.folder):
            echo(f"  dropped an older one: {path.name}")


def restore(settings: Settings, folder: Path, echo: Callable[[str], None]) -> None:
    """Put a backup in place and publish it."""
    with keep_runs_out(settings, echo):
        kept = backups.restore(folder, settings.warehouse, settings.bundles_dir, settings.parts_dir)
        back = retention.bring_back(settings.warehouse, settings.scored_dir, settings.inbox_dir)
        publish(settings.warehouse, settings.published)
    echo(f"Restored {folder}")
    if back:
        echo(f"  {count(back, 'file')} of `scored/` that came after it: back in the inbox")
    if kept:
        echo(f"  the database before it is kept as {kept.name}")
    echo(
        "Next: `reviews score` scores what came in after the backup; `reviews verify` proves that all is whole."
    )
