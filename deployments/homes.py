"""Keeps runs of deployments in the home for which they were deployed, where several machines share a Prefect server.

A home has an id in `prefect/home-id`. `prefect.yaml` calls `name_home` as a build step of each deployment, whose runs
get the result as REVIEWS_DEPLOYED_HOME. A run on a machine with another home would find nothing new there.
"""

import socket

from data_contracts.errors import UsageError
from data_contracts.storage.home_id import ensure_home_id, read_home_id
from deployments.settings import Settings, load_settings


def name_home() -> dict[str, str]:
    """Return the id, path and machine of the home for the deployments; empty if this machine has no home."""
    home = load_settings().home
    if not home.folder.is_dir():
        return {"name": ""}
    return {"name": f"{ensure_home_id(home)} ({home.folder} on {socket.gethostname()})"}


def load_settings_of_run() -> Settings:
    """Return the settings of a flow run; raise `UsageError` if its deployment is of another home."""
    settings = load_settings()
    deployed = settings.deployed_home
    if deployed and deployed.split()[0] != read_home_id(settings.home):
        raise UsageError(
            f"This run is for the home {deployed}, but the worker that got it, on {socket.gethostname()}, has "
            f"{settings.home.folder}. Nothing was done. Next: start the worker with REVIEWS_HOME of that home; or, if "
            "its home is right, run `reviews deploy` on its machine."
        )
    return settings
