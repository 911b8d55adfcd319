"""Runs a real `reviews up` for tests, with its server and worker, and the commands that a user would run."""

import base64
import json
import os
import re
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from data_contracts.storage.faults import HALT, VARIABLE
from data_contracts.storage.home import Home
from deployments.marked_processes import find_marked, list_run_processes
from tasks.support.lock_holders import RUN_VARIABLE
from tasks.warehouse.published import open_published
from tests.e2e.conftest import REVIEWS
from tests.support import small_home
from tests.support.command import Call, Command, Finished, start_command
from tests.support.prefect_database import copy_prefect_database
from tests.support.small_archive import list_learnable_files, write_archive
from tests.support.small_home import copy_scoring_home, ingest

START_SECONDS = 120
SCORE = "score-reviews/score-reviews"
INGEST = "ingest-reviews/ingest-reviews"
WITHOUT_PAGES = {f"REVIEWS_{name}": "false" for name in ("REPORTS", "SITE", "WEEKS")}
"""Variables of a run that writes no pages, which take it longer than a few rows do."""

Found = TypeVar("Found")


@dataclass(frozen=True)
class Deployed:
    """A `reviews up` in the foreground."""

    home: Path
    port: int
    process: subprocess.Popen[str]
    log: Path

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def password(self) -> str:
        return (self.home / "prefect" / "password").read_text().strip()

    @property
    def environment(self) -> dict[str, str]:
        return {**make_environment(self.home, self.port), "PREFECT_API_AUTH_STRING": self.password}

    def prefect(self, *arguments: str) -> Finished:
        """Run the `prefect` command against this server."""
        return start_command(Call(arguments, self.environment, Path("/"), "prefect")).wait()

    def reviews(self, *arguments: str) -> Finished:
        """Run the `reviews` command for this home."""
        return self.start_reviews(*arguments).wait()

    def start_reviews(self, *arguments: str) -> Command:
        """Start the process of `reviews` without waiting for it."""
        return start_command(Call(("--home", str(self.home), *arguments), self.environment, Path("/")))

    def start_deployment(
        self, name: str = SCORE, halt_at: str = "", *, with_pages: bool = False, **parameters: Any
    ) -> str:
        """Have the worker run a deployment and give the flow run's id; it stands still at the fault point `halt_at`.

        With pages, it writes those that the settings of `reviews up` ask for.
        """
        deployment = self.ask_server("GET", f"deployments/name/{name}")
        halt = {VARIABLE: f"{HALT}{halt_at}"} if halt_at else {}
        asked = {
            "parameters": {**deployment["parameters"], **parameters},
            "job_variables": {"env": halt | ({} if with_pages else WITHOUT_PAGES)},
        }
        run = self.ask_server("POST", f"deployments/{deployment['id']}/create_flow_run", asked)
        return str(run["id"])

    def wait_for_halt(self, run_id: str) -> psutil.Process:
        """Wait until a run stands still at a fault point, and give its process."""
        halted = wait_until(lambda: self._find_halted(run_id), 90, 0.5)
        assert halted is not None
        return halted

    def _find_halted(self, run_id: str) -> psutil.Process | None:
        for process in list_run_processes(self.home):
            with suppress(psutil.Error):
                is_halted = process.status() == psutil.STATUS_STOPPED
                if is_halted and process.environ()[RUN_VARIABLE] == run_id:
                    return process
        return None

    def read_run(self, run_id: str) -> dict[str, Any]:
        run: dict[str, Any] = self.ask_server("GET", f"flow_runs/{run_id}")
        return run

    def list_task_states(self, run_id: str) -> list[str]:
        """Return the states of the task runs of a flow run."""
        task_runs = self.ask_server("POST", "task_runs/filter", {"flow_runs": {"id": {"any_": [run_id]}}})
        return [each["state_type"] for each in task_runs]

    def wait_for_state(self, run_id: str, states: Sequence[str], seconds: float) -> str:
        return wait_until(
            lambda: state if (state := self.read_run(run_id)["state_type"]) in states else "", seconds, 0.5
        )

    def wait_for_end(self, run_id: str, seconds: float = 120) -> str:
        return self.wait_for_state(run_id, ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"], seconds)

    def wait_until_idle(self) -> None:
        """Wait until no run is active, not even one of an automation."""
        going = {"flow_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}}}
        wait_until(lambda: not self.ask_server("POST", "flow_runs/filter", going), 60)

    def list_artifacts(self, run_id: str) -> list[dict[str, Any]]:
        """Return the artifacts of a flow run."""
        filters = {"artifacts": {"flow_run_id": {"any_": [run_id]}}}
        found: list[dict[str, Any]] = self.ask_server("POST", "artifacts/filter", filters)
        return found

    def list_events(self, prefix: str) -> list[dict[str, Any]]:
        """Return the events whose names start with a prefix, the newest first."""
        filters = {"filter": {"event": {"prefix": [prefix]}}, "limit": 50}
        return list(self.ask_server("POST", "events/filter", filters)["events"])

    def ask_server(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the API, with retries while it is starting or busy, as Prefect's client does."""
        return wait_until(lambda: self._try_server(method, path, body), 60)[0]

    def _try_server(self, method: str, path: str, body: Any) -> list[Any]:
        try:
            if method != "GET" and "Prefect-Csrf-Token" not in self._client.headers:
                token = self._client.get("csrf-token", params={"client": "tests"})
                if token.status_code == 503:
                    return []
                self._client.headers["Prefect-Csrf-Token"] = token.raise_for_status().json()["token"]
            answer = self._client.request(method, path, json=body)
        except httpx.TransportError:
            return []
        if answer.status_code == 503:
            return []
        return [answer.json() if answer.raise_for_status().content else None]

    @cached_property
    def _client(self) -> httpx.Client:
        """One client for all questions: making one takes longer than to ask."""
        headers = {**authorize(self.password), "Prefect-Csrf-Client": "tests"}
        return httpx.Client(base_url=self.api_url, headers=headers, timeout=10)

    def close(self) -> None:
        """Close the connection to the API."""
        self._client.close()

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Query the published copy; return its rows."""
        with open_published(Home(self.home).published) as connection:
            return connection.execute(query).fetchall()

    def find_processes(self, words: str) -> list[psutil.Process]:
        """Find the processes of this `up` whose command line contains these words."""
        return [each for each in find_marked(self.home) if words in " ".join(each.cmdline())]


@dataclass(frozen=True)
class Hook:
    """A web server that stores the requests posted to it."""

    url: str
    received: list[dict[str, Any]] = field(default_factory=list)


def read_ended_state(home: Path, run_id: str) -> tuple[str, str]:
    """Read the state of a run and its message from the database of a stopped server."""
    query = "select state.type, state.message from flow_run join flow_run_state state on state.id = state_id"
    ((kind, message),) = _read_ended(home, f"{query} where flow_run.id = ?", run_id)
    return kind, message


def read_ended_tasks(home: Path, run_id: str) -> list[str]:
    """Read the states of a run's task runs from the database of a stopped server."""
    return [
        kind for (kind,) in _read_ended(home, "select state_type from task_run where flow_run_id = ?", run_id)
    ]


def _read_ended(home: Path, query: str, run_id: str) -> list[Any]:
    with closing(sqlite3.connect(home / "prefect" / "prefect.db")) as connection:
        return connection.execute(query, [run_id]).fetchall()


def make_environment(home: Path, port: int) -> dict[str, str]:
    """Return the environment of a user's terminal, without the Prefect settings of the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    own = {"REVIEWS_HOME": str(home), "PREFECT_API_URL": f"http://127.0.0.1:{port}/api"}
    return {**kept, **own, "PREFECT_HOME": str(home / "prefect"), "REVIEWS_PORT": str(port), "NO_COLOR": "1"}


@contextmanager
def bring_up(home: Path, *options: str, **settings: str) -> Iterator[Deployed]:
    """Run `reviews up` in the foreground until the block ends, then stop it as Ctrl-C or systemd does."""
    port, log = find_free_port(), home / "up.log"
    own = {"REVIEWS_DRAIN_SECONDS": "5", "REVIEWS_REPORTS": "false"}
    environment = {**make_environment(home, port), **own, **settings}
    environment.pop("PREFECT_API_URL")
    with log.open("w") as out:
        command = [str(REVIEWS), "--home", str(home), "up", *options]
        process = subprocess.Popen(command, cwd="/", env=environment, stdout=out, stderr=out, text=True)
    deployed = Deployed(home, port, process, log)
    try:
        wait_until(lambda: process.poll() is not None or "Next, in another" in log.read_text(), START_SECONDS)
        assert process.poll() is None, log.read_text()
        with closing(deployed):
            pause_schedules(deployed)
            yield deployed
    finally:
        process.terminate()
        process.wait(90)


def pause_schedules(deployed: Deployed) -> None:
    """Pause the schedules: the test's own runs would wait for scheduled ones."""
    deployment = deployed.ask_server("GET", f"deployments/name/{SCORE}")
    for schedule in deployment["schedules"]:
        path = f"deployments/{deployment['id']}/schedules/{schedule['id']}"
        deployed.ask_server("PATCH", path, {"active": False})


def authorize(password: str) -> dict[str, str]:
    """Return the header that authorizes a request."""
    return {"Authorization": f"Basic {base64.b64encode(password.encode()).decode()}"}


def find_watch(deployed: Deployed) -> dict[str, Any]:
    """Return the automation that watches the runs; an update of it would lose the active runs."""
    automations = deployed.ask_server("POST", "automations/filter", {})
    return next(each for each in automations if each["name"] == "reviews: mark silent runs as crashed")


def list_deployed(deployed: Deployed) -> tuple[list[str], list[str], list[str]]:
    """Return the names of all deployments, schedules and automations of the server."""
    deployments = deployed.ask_server("POST", "deployments/filter", {})
    automations = deployed.ask_server("POST", "automations/filter", {})
    schedules = [schedule["slug"] for each in deployments for schedule in each["schedules"]]
    return (
        sorted(each["name"] for each in deployments),
        sorted(schedules),
        sorted(each["name"] for each in automations),
    )


@contextmanager
def catch_posts() -> Iterator[Hook]:
    """Run a web server on a free port that stores the requests posted to it."""

    class Keep(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.received.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Keep) as server:
        hook = Hook(f"http://127.0.0.1:{server.server_port}/hook")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield hook
        server.shutdown()


def wait_until(look: Callable[[], Found], seconds: float, pause: float = 0.2) -> Found:
    """Poll until there is a result, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"nothing within {seconds} s"
        time.sleep(pause)
    return found


def make_home(home: Path) -> Path:
    """Create a home with a few training reviews and a promoted small model, which scores quickly."""

    def fill(made: Home) -> None:
        # First, since the process of the tests of models makes the bundle meanwhile, and this one loads no TensorFlow.
        prefect = made.folder.with_name("prefect")
        copy_prefect_database(prefect)
        copy_scoring_home(made)
        made.archive.mkdir()
        few = write_archive(made.archive / "few.tar.gz", list_learnable_files())
        ingest(few, accept_unverified=True)
        prefect.rename(made.prefect)

    return small_home.copy_home(Home(home), "up", fill).folder


def write_reviews(path: Path, rows: int, name: str = "r") -> None:
    """Put a complete file of reviews, all different, into an inbox by a rename."""
    lines = ["review_id,movie_id,review"]
    filler = "a film with a plot and some people in it who walk about and talk " * 8
    lines += [
        f"{name}{row},tt7,{'wonderful' if row % 2 else 'terrible'} {filler} {name}{row}"
        for row in range(rows)
    ]
    building = path.with_name(f".{path.name}")
    building.write_text("\n".join(lines) + "\n")
    building.rename(path)


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def read_recipe(readme: str, heading: str) -> str:
    """Return the commands of the first code block under a heading of the README."""
    match = re.search(rf"^## {re.escape(heading)}$.*?^```\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert match, f"the README has no code block under {heading!r}"
    return match[1]
