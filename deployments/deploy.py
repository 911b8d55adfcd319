"""`reviews deploy`: the work pool and all deployments, on the server or workspace that PREFECT_API_URL names.

It is `prefect --no-prompt deploy --all` with the pool made first, where there is none. Run again, it changes only
what `prefect.yaml` changed.
"""

import subprocess
import sys

from data_contracts.errors import ReviewsError, UsageError
from deployments.settings import PROJECT_ROOT, load_settings
from deployments.work_pool import make_pool, resume_pool

LINES_SHOWN = 15


def deploy_all() -> None:
    """Make the work pool if it is missing, then every deployment, schedule and automation.

    Raises `UsageError` where no server is named, `ReviewsError` where it does not answer or refuses.
    """
    import httpx
    from prefect.settings import PREFECT_API_URL

    url = PREFECT_API_URL.value()
    if not url:
        raise UsageError(
            "No Prefect server is named. Next: `reviews up` starts one and deploys to it; for one of your own set "
            "PREFECT_API_URL, for Prefect Cloud `prefect cloud login`."
        )
    try:
        make_pool()
    except httpx.TransportError as error:
        raise ReviewsError(
            f"The Prefect server at {url} does not answer ({error}). Next: see that it runs and the address is right."
        ) from error
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-LINES_SHOWN:])
        raise ReviewsError(f"The deployments could not be made. Prefect said:\n{tail}")


def _main() -> None:
    """Deploy for `reviews up`, whose settings are the whole truth: without REVIEWS_ALERT_URL there are no alerts."""
    from deployments.abandoned import end_abandoned_runs
    from deployments.automations import drop_alerts

    settings = load_settings()
    try:
        deploy_all()
        if settings.alert_url is None:
            drop_alerts()
        # Now that the alerts are as the settings say, since each of these runs is alerted of.
        if ended := end_abandoned_runs():
            sys.stdout.write(f"Runs that a killed `reviews up` left behind: {ended}, marked as ended.\n")
        resume_pool(settings)
    except ReviewsError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    _main()
