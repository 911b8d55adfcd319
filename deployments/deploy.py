"""`reviews deploy`: create or update the work pool and all deployments on the server that PREFECT_API_URL names.

It creates the pool if it is missing, and runs `prefect --no-prompt deploy --all`. A second run changes only what was
changed in `prefect.yaml`.
"""

import subprocess
import sys

from data_contracts.errors import ReviewsError, UsageError
from deployments.installation import PREFECT_FILE
from deployments.settings import load_settings
from deployments.work_pool import choose_engine, make_pool, resume_pool

LINES_SHOWN = 15
"""The last lines of Prefect's output that an error message has."""


def deploy_all() -> None:
    """Create the work pool if it is missing, then create or update every deployment, schedule and automation.

    Raises `UsageError` if no server is named, `ReviewsError` if it does not answer or the deployment fails.
    """
    import httpx
    from prefect.settings import PREFECT_API_URL

    url = PREFECT_API_URL.value()
    if not url:
        raise UsageError(
            "No Prefect server is named. Next: `reviews up` starts one and deploys to it; for a server of your own set "
            "PREFECT_API_URL, for Prefect Cloud run `prefect cloud login`."
        )
    try:
        make_pool()
    except httpx.TransportError as error:
        raise ReviewsError(
            f"The Prefect server at {url} does not answer ({error}). Next: check that it runs, and its address."
        ) from error
    command = [
        sys.executable,
        "-m",
        "prefect",
        "--no-prompt",
        "deploy",
        "--all",
        "--prefect-file",
        str(PREFECT_FILE),
    ]
    done = subprocess.run(command, cwd=PREFECT_FILE.parent, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-LINES_SHOWN:])
        raise ReviewsError(f"The deployments could not be created. Prefect's output:\n{tail}")


def _main() -> None:
    """Deploy for `reviews up`, choose how runs start, mark abandoned runs as ended, and resume the pool.

    The alerts are deleted if the settings have no REVIEWS_ALERT_URL.
    """
    from deployments.abandoned import end_abandoned_runs
    from deployments.automations import drop_alerts

    settings = load_settings()
    try:
        deploy_all()
        choose_engine()
        if settings.alert_url is None:
            drop_alerts()
        # After the alerts are set up, since each of these runs causes an alert.
        if ended := end_abandoned_runs():
            sys.stdout.write(f"Runs that a killed `reviews up` left behind: {ended}, marked as ended.\n")
        resume_pool(settings)
    except ReviewsError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    _main()
