"""What `reviews backup` and `reviews restore` do: copy the database and the bundles, and put a copy back."""

from collections.abc import Callable
from pathlib import Path

from data_contracts.storage.home import Home
from flows.command.actions.exclusive import keep_runs_out
from flows.command.actions.targets import require_free_target
from tasks.maintenance import backups, retention
from tasks.support.wording import count
from tasks.warehouse.published import publish


def back_up(home: Home, target: Path | None, echo: Callable[[str], None], keep: int = 0) -> None:
    """Make a backup; one without a name lies in `backups/`, where the newest `keep` stay, 0 keeps all."""
    if target:
        require_free_target(home, target, home.backups)
    done = backups.back_up(home, target or backups.name_backup(home.backups))
    echo(
        f"Backed up {done.bytes / 2**20:,.1f} MiB, the database and {count(done.bundles, 'bundle')}:\n  {done.folder}"
    )
    if target is None:
        for path in backups.drop_older(home.backups, keep, done.folder):
            echo(f"  dropped an older one: {path.name}")


def restore(home: Home, folder: Path, echo: Callable[[str], None]) -> None:
    """Put a backup in place and publish it."""
    with keep_runs_out(home, echo):
        kept = backups.restore(folder, home)
        back = retention.bring_back(home)
        publish(home)
    echo(f"Restored {folder}")
    if back:
        echo(f"  {count(back, 'file')} of `scored/` that came after it: back in the inbox")
    if kept:
        echo(f"  the database before it is kept as {kept.name}")
    echo(
        "Next: `reviews score` scores what came in after the backup; `reviews verify` proves that all is whole."
    )
