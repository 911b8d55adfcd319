"""Creates or updates the work pool and all deployments on a server, for `reviews up --deploy-only`.

It creates the pool if it is missing, and runs `prefect --no-prompt deploy --all`, in this process, since another one
would load Prefect anew. A second run changes only what was changed in `prefect.yaml`.
"""

import io
import sys
import tempfile
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import httpx
import yaml
from prefect.cli import app
from prefect.settings import PREFECT_API_URL

from data_contracts.errors import ReviewsError, UsageError
from data_contracts.library_loading import collect_less
from data_contracts.storage.home_id import ensure_home_id
from deployments.automations import drop_alerts
from deployments.deployed_runs import end_abandoned_runs
from deployments.installation_paths import PREFECT_FILE
from deployments.settings import Settings, load_settings
from deployments.work_pool import choose_engine, make_pool, resume_pool
from tasks.stages.events import HOME_LABEL

LINES_SHOWN = 15
"""The last lines of Prefect's output that an error message has."""


def deploy_all() -> None:
    """Create the work pool if it is missing, then create or update every deployment, schedule and automation.

    Raises `UsageError` if no server is named, `ReviewsError` if it does not answer or the deployment fails.
    """
    url, settings = PREFECT_API_URL.value(), load_settings()
    if not url:
        raise UsageError(
            "No Prefect server is named. Next: `reviews up` starts one and deploys to it; for a server of your own set "
            "PREFECT_API_URL, for Prefect Cloud run `prefect cloud login`."
        )
    try:
        make_pool(settings)
    except httpx.TransportError as error:
        raise ReviewsError(
            f"The Prefect server at {url} does not answer ({error}). Next: check that it runs, and its address."
        ) from error
    with tempfile.TemporaryDirectory() as folder:
        path = PREFECT_FILE
        if settings.name:
            named = add_names(
                yaml.safe_load(path.read_text("utf-8")), settings, ensure_home_id(settings.home)
            )
            path = Path(folder, path.name)
            path.write_text(yaml.safe_dump(named), "utf-8")
        status, said = _run_prefect("--no-prompt", "deploy", "--all", "--prefect-file", str(path))
    if status != 0:
        tail = "\n".join(said.strip().splitlines()[-LINES_SHOWN:])
        raise ReviewsError(f"The deployments could not be created. Prefect's output:\n{tail}")


def _run_prefect(*arguments: str) -> tuple[object, str]:
    """Run the `prefect` command in the project's folder and this process; return its status and output."""
    sys.argv = ["prefect", *arguments]
    with chdir(PREFECT_FILE.parent), redirect_stdout(io.StringIO()) as said, redirect_stderr(said):
        try:
            app()
        except SystemExit as ended:
            return ended.code or 0, said.getvalue()
    return 0, said.getvalue()


def add_names(content: Mapping[str, Any], settings: Settings, home_id: str) -> dict[str, Any]:
    """Return the content of `prefect.yaml` with deployments and a pool of this home's name.

    Their runs know the name, and only events of this home start them.
    """
    deployments = []
    for deployment in content["deployments"]:
        pool = deployment["work_pool"]
        env = {**pool["job_variables"]["env"], "REVIEWS_NAME": settings.name}
        named = {
            **deployment,
            "name": settings.add_name(deployment["name"]),
            "tags": [settings.pool],
            "work_pool": {
                **pool,
                "name": settings.pool,
                "job_variables": {**pool["job_variables"], "env": env},
            },
        }
        if triggers := deployment.get("triggers"):
            named["triggers"] = [
                {**each, "match": {**each["match"], HOME_LABEL: home_id}} for each in triggers
            ]
        deployments.append(named)
    return {**content, "deployments": deployments}


def _main() -> None:
    """Deploy for `reviews up`, choose how runs start, mark abandoned runs as ended, and resume the pool.

    The alerts are deleted if the settings have no REVIEWS_ALERT_URL.
    """
    collect_less()
    settings = load_settings()
    try:
        deploy_all()
        choose_engine(settings)
        if settings.alert_url is None:
            drop_alerts(settings)
        # After the alerts are set up, since each of these runs causes an alert.
        if ended := end_abandoned_runs(settings):
            sys.stdout.write(f"Runs that a killed `reviews up` left behind: {ended}, marked as ended.\n")
        resume_pool(settings)
    except ReviewsError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    _main()
