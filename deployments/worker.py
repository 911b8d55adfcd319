"""`python -m deployments.worker start ...`: end the runs that a killed worker left behind, then start the next worker.

`reviews up` runs it. The arguments are those of `prefect worker`.
"""

import gc
import sys

from data_contracts.library_loading import pause_collection


def _main() -> None:
    """End abandoned runs, so that the runs that wait for them can start, and run the worker in this process."""
    with pause_collection():
        from prefect.cli import app

        from deployments.deployed_runs import end_abandoned_runs
        from deployments.settings import load_settings

        gc.freeze()  # later collections need not look at what stays
    try:
        if ended := end_abandoned_runs(load_settings()):
            sys.stdout.write(f"Runs that a killed worker left behind: {ended}, marked as ended.\n")
    except Exception as error:  # the server is being restarted: its automation ends them later
        sys.stdout.write(f"Runs without a process can't be ended now: {type(error).__name__}: {error}\n")
    sys.argv = ["prefect", "worker", *sys.argv[1:]]
    app()


if __name__ == "__main__":
    _main()
