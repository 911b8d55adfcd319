"""The flows `back-up-home` and `verify-home`: what `reviews backup` and `reviews verify` do, on a schedule."""

from prefect import flow

from deployments.home_of_deployment import load_settings_of_run
from flows.alerts import tell_at_end
from tasks.maintenance import verification
from tasks.snapshots import home_backup
from tasks.snapshots.making import Options
from tasks.stages.log_messages import tell
from tasks.stages.queue_turns import take_turn
from tasks.stages.run_page import end_completed, name_failure

NOTHING = "There is no database yet."


@flow(name="back-up-home", flow_run_name="back-up-home")
@take_turn()
@name_failure()
def back_up_home(full: bool = False) -> str:
    """Write a backup into `backups/` of the home, as `reviews backup` does.

    Args:
        full: write all of it again, which mends what is damaged there.
    """
    settings = load_settings_of_run()
    with tell_at_end("back-up-home", settings):
        if not settings.home.warehouse.exists():
            return end_completed(NOTHING, NOTHING)
        made = home_backup.back_up_home(settings.home, None, tell, Options(settings.keep_backups, full))
    return end_completed(f"Backed up: {made}", made)


@flow(name="verify-home", flow_run_name="verify-home")
@take_turn()
@name_failure()
def verify_home() -> str:
    """Prove that no row is lost or doubled, as `reviews verify` does; fail if a promise is broken."""
    settings = load_settings_of_run()
    with tell_at_end("verify-home", settings):
        if not settings.home.warehouse.exists():
            return end_completed(NOTHING, NOTHING)
        verification.verify_home(settings.home, tell, settings.snapshot_store)
    return end_completed("All promises hold.", "All promises hold.")
