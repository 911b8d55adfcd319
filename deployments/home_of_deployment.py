"""Keeps runs of deployments in the home for which they were deployed, where several machines share a Prefect server.

It warns of a worker of another version than the one that deployed.

A home has an id in `prefect/home-id`. `prefect.yaml` calls `name_home` as a build step of each deployment, whose runs
get the result as REVIEWS_DEPLOYED_HOME. A run on a machine with another home would find nothing new there.
"""

import socket

from prefect import get_run_logger
from prefect.context import FlowRunContext

from data_contracts.errors import UsageError
from data_contracts.storage.home_id import ensure_home_id, read_home_id
from deployments.settings import Settings, find_deployed_home, load_settings
from tasks.archive.parquet_files import read_provenance
from tasks.support.code_version import read_version


def name_home() -> dict[str, str]:
    """Return the version of the program, and the id, path and machine of the home for the deployments.

    The latter is empty if this machine has no home. `train_when_due` switches the trigger of trainings on, `is_kept`
    the schedules of backups and checks: not in a home of the generated archive, such as that of the demo.
    """
    settings = load_settings()
    home = settings.home
    name = f"{ensure_home_id(home)} ({home.folder} on {socket.gethostname()})" if home.folder.is_dir() else ""
    provenance = read_provenance(home.reviews)
    return {
        "name": name,
        "version": read_version(),
        "train_when_due": str(settings.train_when_due).lower(),
        "is_kept": str(provenance is None or provenance.dataset != "sample").lower(),
    }


def load_settings_of_run() -> Settings:
    """Return the settings of a flow run; raise `UsageError` if its deployment is of another home.

    Warn if another version of the program made the deployment.
    """
    settings = load_settings()
    deployed_by, present = _find_deployed_version(), read_version()
    if deployed_by not in (None, present):
        get_run_logger().warning(
            f"This run was deployed by version {deployed_by}, and this worker, on {socket.gethostname()}, has "
            f"{present}. Next: install the same version on both, then run `reviews up --deploy-only`."
        )
    deployed = find_deployed_home()
    if deployed and deployed.split()[0] != read_home_id(settings.home):
        raise UsageError(
            f"This run is for the home {deployed}, but the worker that got it, on {socket.gethostname()}, has "
            f"{settings.home.folder}. Nothing was done. Next: start the worker with REVIEWS_HOME of that home; or, if "
            "its home is right, run `reviews up --deploy-only` on its machine."
        )
    return settings


def _find_deployed_version() -> str | None:
    """Return the version of the deployment of the present run; None without one."""
    context = FlowRunContext.get()
    return context.flow_run.deployment_version if context and context.flow_run else None
