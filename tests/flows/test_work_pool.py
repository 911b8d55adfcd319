"""The command by which the worker of `reviews up` starts runs."""

import sys
from collections.abc import Iterator

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolUpdate

from deployments.settings import load_settings
from deployments.work_pool import choose_engine, make_pool

POOL = "reviews"
pytestmark = pytest.mark.server


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    make_pool(load_settings())
    with get_client(sync_client=True) as client:
        yield client


def name_command(client: SyncPrefectClient, command: str | None) -> None:
    template = client.read_work_pool(POOL).base_job_template
    template["variables"]["properties"]["command"]["default"] = command
    client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=template))


def read_command(client: SyncPrefectClient) -> str | None:
    choose_engine(load_settings())
    command: str | None = client.read_work_pool(POOL).base_job_template["variables"]["properties"]["command"][
        "default"
    ]
    return command


@pytest.mark.parametrize(
    "before",
    [None, "/a/moved/checkout/.venv/bin/python -m flows.deployed_run", "/older/bin/python -m prefect.engine"],
)
def test_a_run_is_started_by_the_python_of_the_last_start(
    client: SyncPrefectClient, before: str | None
) -> None:
    name_command(client, before)
    assert read_command(client) == f"{sys.executable} -m flows.deployed_run"


@pytest.mark.parametrize("named", ["prefect flow-run execute", "nice -n 10 python -m prefect.engine"])
def test_a_command_that_a_user_named_stays(client: SyncPrefectClient, named: str) -> None:
    name_command(client, named)
    assert read_command(client) == named
    name_command(client, None)
