"""Keeps runs of deployments in the home for which they were deployed, where several machines share a Prefect server.

A home has an id in `prefect/home-id`. `prefect.yaml` calls `name_home` as a build step of each deployment, whose runs
get the result as REVIEWS_DEPLOYED_HOME. A run on a machine with another home would find nothing new there.
"""

import socket
import uuid

from data_contracts.errors import UsageError
from data_contracts.storage.durable import write_whole
from data_contracts.storage.home import Home
from deployments.settings import Settings, load_settings

ID_DIGITS = 12


def name_home() -> dict[str, str]:
    """Return the id, path and machine of the home for the deployments; empty if this machine has no home."""
    home = load_settings().home
    if not home.folder.is_dir():
        return {"name": ""}
    return {"name": f"{_ensure_id(home)} ({home.folder} on {socket.gethostname()})"}


def load_settings_of_run() -> Settings:
    """Return the settings of a flow run; raise `UsageError` if its deployment is of another home."""
    settings = load_settings()
    deployed = settings.deployed_home
    if deployed and deployed.split()[0] != _read_id(settings.home):
        raise UsageError(
            f"This run is for the home {deployed}, but the worker that got it, on {socket.gethostname()}, has "
            f"{settings.home.folder}. Nothing was done. Next: start the worker with REVIEWS_HOME of that home; or, if "
            "its home is right, run `reviews deploy` on its machine."
        )
    return settings


def _read_id(home: Home) -> str | None:
    """Return the id of a home; None if it was never deployed."""
    try:
        return home.id_file.read_text("utf-8").strip()
    except OSError:
        return None


def _ensure_id(home: Home) -> str:
    """Return the id of a home, a new one at its first deployment."""
    if known := _read_id(home):
        return known
    home.prefect.mkdir(exist_ok=True)
    made = uuid.uuid4().hex[:ID_DIGITS]
    with write_whole(home.id_file) as building:
        building.write_text(made + "\n", "utf-8")
    return made
