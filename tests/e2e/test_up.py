"""`reviews up` with real processes: the README's recipe, and what happens when one of them is killed."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from deployments.automations import DEPLOYMENTS
from deployments.draining import MESSAGE as STOPPED
from deployments.processes import find_marked, list_run_processes
from tests.e2e.conftest import REVIEWS, Demo, call_reviews, run_installed
from tests.e2e.deployed import (
    Deployed,
    Hook,
    authorize,
    bring_up,
    catch_posts,
    copy_home,
    find_free_port,
    find_watch,
    list_deployed,
    make_environment,
    make_home,
    read_ended_state,
    read_ended_tasks,
    read_recipe,
    wait_until,
    write_reviews,
)
from tests.e2e.strangers import (
    REQUESTS,
    STRANGE,
    ask_as_stranger,
    attack_from_page,
    find_holders,
    log_in,
    open_websocket,
    read_by_rebinding,
)
from tests.support.small_archive import list_files, write_archive

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.training]

README = Path(__file__).parents[2] / "README.md"
MANY = 10_000
"""Reviews that take so long to score that there is time to kill something."""


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    with catch_posts() as hook:
        yield hook


@pytest.fixture(scope="module")
def up(hook: Hook, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    home = make_home(tmp_path_factory.mktemp("up") / "home")
    with bring_up(home, REVIEWS_ALERT_URL=hook.url) as deployed:
        yield deployed


def count_rows(up: Deployed, name: str) -> list[tuple[int, int]]:
    """Count the scored reviews of a file, and the distinct ones."""
    return up.ask(
        "select count(*), count(distinct row_number) from scored_reviews join source_reviews "
        f"using (source_sha256, row_number) where review_id like '{name}%'"
    )


@contextmanager
def hold_run(home: Path) -> Iterator[None]:
    """Let the processes of runs stand still while the block runs."""
    runs = list_run_processes(home)
    assert runs
    for run in runs:
        run.suspend()
    yield
    for run in runs:
        run.resume()


def wait_until_scoring(up: Deployed) -> None:
    """Wait until a run has begun to write a part."""
    wait_until(lambda: list((up.home / "parts").glob(".*.tmp/scored_reviews.parquet")), 90, 0.02)


def test_the_recipe_of_the_readme_scores_a_new_file_and_leaves_no_process(demo: Demo, tmp_path: Path) -> None:
    home = copy_home(demo.home, tmp_path / "home")
    port = find_free_port()
    recipe = read_recipe(README.read_text("utf-8"), "By itself").replace("data/demo", str(home))
    write_reviews(home / "todays-reviews.csv", 7, "today")
    recipe = recipe.replace("~/exports/today.csv", str(home / "todays-reviews.csv")).replace(
        "4200", str(port)
    )
    recipe = recipe.replace(".venv/bin", str(REVIEWS.parent))
    environment = make_environment(home, port)
    environment.pop("PREFECT_API_URL")
    done = subprocess.run(
        ["bash", "-ec", recipe], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=280
    )
    assert (done.returncode, done.stderr) == (0, done.stderr), done.stdout
    assert "Completed" in done.stdout
    assert "│ today1" in done.stdout
    assert find_marked(home) == []


def test_a_second_up_says_where_the_first_one_is(up: Deployed) -> None:
    second = up.reviews("up")
    assert second.status == 1
    assert f"It is up already for {up.home}: http://127.0.0.1:{up.port}" in second.err


def test_an_up_on_a_taken_port_says_so(up: Deployed, tmp_path: Path) -> None:
    second = up.reviews("--home", str(tmp_path), "up")
    assert second.status == 1
    assert f"Port {up.port} of 127.0.0.1 can't be used" in second.err


def test_status_says_what_runs_and_when_next(up: Deployed) -> None:
    said = up.reviews("status").out
    assert f"Up: http://127.0.0.1:{up.port}" in said
    assert all(f"\n  {name}" in said for name in DEPLOYMENTS)


@pytest.mark.parametrize("stranger", REQUESTS)
def test_a_stranger_is_refused(up: Deployed, stranger: str) -> None:
    answer = ask_as_stranger(f"http://127.0.0.1:{up.port}", stranger)
    assert answer.status_code == REQUESTS[stranger][-1]
    assert "access-control-allow-origin" not in answer.headers


def test_a_websocket_is_for_pages_of_its_own(up: Deployed) -> None:
    assert open_websocket(up.api_url, STRANGE) == 403
    assert open_websocket(up.api_url, f"http://127.0.0.1:{up.port}") == 101


@pytest.mark.browser
def test_a_web_page_of_another_origin_can_neither_read_nor_make_anything(
    up: Deployed, browser: "Browser"
) -> None:
    came = attack_from_page(browser, up.api_url, authorize(up.password)["Authorization"])
    assert came == dict.fromkeys(came, "refused")
    assert came
    flows = {"flows": {"name": {"any_": ["of-a-stranger"]}}}
    assert up.ask_server("POST", "flows/filter", flows) == []
    assert read_by_rebinding(browser, up.port) == "Invalid host header"


@pytest.mark.browser
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_pages_show_the_deployments_to_whoever_has_the_password(
    up: Deployed, browser: "Browser", host: str
) -> None:
    shown = log_in(browser, f"http://{host}:{up.port}", up.password)
    assert set(DEPLOYMENTS) <= set(shown)


def test_deploying_twice_leaves_one_of_everything(up: Deployed) -> None:
    before, watch = list_deployed(up), find_watch(up)
    done = up.prefect(
        "--no-prompt", "deploy", "--all", "--prefect-file", str(README.with_name("prefect.yaml"))
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list_deployed(up) == before
    assert find_watch(up) == watch
    deployments, schedules, automations = before
    assert deployments == sorted(DEPLOYMENTS)
    assert schedules == ["every-15-minutes", "weekly"]
    assert len(automations) == len(set(automations)) == 6


def test_a_command_beside_it_uses_its_server(up: Deployed) -> None:
    write_reviews(up.home / "beside.csv", 3, "beside")
    environment = {**up.environment}
    environment.pop("PREFECT_API_URL")
    command = [str(REVIEWS), "--home", str(up.home), "score", str(up.home / "beside.csv")]
    subprocess.run(command, env=environment, cwd="/", check=True, capture_output=True, timeout=120)
    runs = up.ask_server("POST", "flow_runs/filter", {})
    assert any("3 reviews" in run["name"] and run["deployment_id"] is None for run in runs)


def test_a_run_of_the_deployment_reads_no_file_outside_the_inbox(up: Deployed, tmp_path: Path) -> None:
    outside = tmp_path / "creds.csv"
    outside.write_text("review_id,text\ncreds,a secret film\n")
    run_id = up.start_deployment(files=[str(outside)])
    assert up.wait_for_end(run_id) == "FAILED"
    assert (
        "reads the inbox and the folders of REVIEWS_INPUT_DIRS alone"
        in up.read_run(run_id)["state"]["message"]
    )
    assert count_rows(up, "creds") == [(0, 0)]


def test_two_runs_started_together_score_every_row_once(up: Deployed) -> None:
    write_reviews(up.home / "inbox" / "together.csv", 50, "together")
    runs = [up.start_deployment(), up.start_deployment()]
    states = [up.wait_for_end(run) for run in runs]
    assert sorted(states) in (["CANCELLED", "COMPLETED"], ["COMPLETED", "COMPLETED"])
    assert count_rows(up, "together") == [(50, 50)]
    told = wait_for_asset(up, "duckdb://reviews/scored_reviews", runs[states.index("COMPLETED")])
    assert told["rows_scored"] == 50


@dataclass(frozen=True)
class DailyRun:
    """A run that scored a file and refused another while a query read the published copy."""

    run_id: str
    is_still_read: bool
    """Whether the query was still reading when the run had ended."""


@pytest.fixture(scope="module")
def daily_run(up: Deployed) -> DailyRun:
    many = "select text from source_reviews, range(1_000_000)"
    command = [str(REVIEWS), "--home", str(up.home), "sql", "--format", "csv", many]
    reader = subprocess.Popen(command, env=up.environment, cwd="/", stdout=subprocess.PIPE)
    assert reader.stdout is not None
    assert reader.stdout.readline() == b"text\n"  # it goes on only as far as somebody reads what it writes
    (up.home / "inbox" / "broken.parquet").write_bytes(b"PAR1 cut off")
    write_reviews(up.home / "inbox" / "beside-broken.csv", 4, "fine")
    run_id = up.start_deployment()
    up.wait_for_end(run_id)
    is_still_read = reader.poll() is None
    reader.kill()
    reader.communicate()
    return DailyRun(run_id, is_still_read)


def test_a_run_commits_while_a_long_query_reads(up: Deployed, daily_run: DailyRun) -> None:
    assert daily_run.is_still_read
    assert count_rows(up, "fine") == [(4, 4)]


def test_a_run_that_refused_a_file_is_completed_and_says_so(
    up: Deployed, hook: Hook, daily_run: DailyRun
) -> None:
    run_id = daily_run.run_id
    run = up.read_run(run_id)
    assert run["state_type"] == "COMPLETED"
    assert "broken.parquet" in run["state"]["message"]
    pages = {page["key"]: page["data"] for page in up.list_artifacts(run_id)}
    assert {"beside-broken.csv", "broken.parquet"} <= {
        row["file"] for row in json.loads(pages["scored-files"])
    }
    assert "scored_reviews" in pages["lineage"]
    alert = wait_until(lambda: [each for each in hook.received if "refused" in each["event"]], 30)[0]
    assert "broken.parquet" in alert["text"]
    told = wait_for_told(up, "reviews.scores.committed", run_id)
    assert (told["rows_scored"], told["files_scored"], told["files_refused"]) == (4, 1, 1)
    assert alert["url"].endswith(run_id)


@pytest.fixture(scope="module")
def broken_run(up: Deployed) -> str:
    """A run whose archive breaks its contract."""
    files = list_files()
    files["aclImdb/train/pos/0_3.txt"] = files.pop("aclImdb/train/pos/0_9.txt")
    archive = write_archive(up.home / "archive" / "wrong.tar.gz", files)
    run_id = up.start_deployment(
        "ingest-reviews/ingest-reviews", archive=str(archive), accept_unverified=True
    )
    assert up.wait_for_end(run_id) == "FAILED"
    return run_id


def test_a_broken_contract_fails_the_run_shows_why_and_alerts(
    up: Deployed, hook: Hook, broken_run: str
) -> None:
    run_id = broken_run
    page = next(each for each in up.list_artifacts(run_id) if each["key"] == "broken-contract")
    assert "lowest_rating_fits_label" in page["data"]
    alert = wait_until(lambda: [each for each in hook.received if "contract" in each["event"]], 30)[0]
    assert "lowest_rating_fits_label" in alert["text"]
    told = wait_for_told(up, "reviews.contract.failed", run_id)
    assert (told["boundary"], told["failed_checks"]) == ("archive", 1)
    assert alert["url"].endswith(run_id)


def test_training_on_the_server_promotes_and_scores_again_by_itself(up: Deployed) -> None:
    scored = up.ask("select count(*) from scored_reviews")[0][0]
    training = up.start_deployment("train-model/train-model", variant="cnn_lstm", epochs=1, promote="always")
    assert up.wait_for_end(training, 200) == "COMPLETED"
    assert up.read_run(training)["name"].startswith("train-model cnn_lstm seed 0 accuracy 0.")
    assert wait_for_asset(up, "reviews://bundle", training)["train"] > 0
    wait_until(lambda: up.ask("select count(*) from scored_reviews")[0][0] == 2 * scored, 120)
    up.wait_until_idle()
    per_model = up.ask(
        "select count(distinct model_id), count(*) from scored_reviews group by source_sha256, row_number"
    )
    assert set(per_model) == {(2, 2)}


def test_the_password_stands_in_its_file_alone(up: Deployed) -> None:
    assert up.list_runs("COMPLETED") or up.run_deployment() == "COMPLETED"
    arguments = [word for process in find_marked(up.home) for word in process.cmdline()]
    assert any("guarded_server" in word for word in arguments)
    assert not [word for word in arguments if up.password in word]
    assert find_holders(up.home, up.password) == [up.home / "prefect" / "password"]


def test_a_run_goes_on_when_the_server_is_killed_under_it(up: Deployed) -> None:
    write_reviews(up.home / "inbox" / "server.csv", MANY, "server")
    run_id = up.start_deployment()
    wait_until_scoring(up)
    with hold_run(up.home):
        (server,) = up.find_processes("guarded_server")
        server.kill()
    assert up.wait_for_end(run_id) == "COMPLETED"
    assert count_rows(up, "server") == [(MANY, MANY)]


def test_a_run_killed_with_its_worker_is_marked_alerted_and_completed_by_the_next(
    up: Deployed, hook: Hook
) -> None:
    write_reviews(up.home / "inbox" / "killed.csv", MANY, "killed")
    run_id = up.start_deployment()
    wait_until_scoring(up)
    for process in [*up.find_processes("worker start"), *up.find_processes("prefect.engine")]:
        process.kill()
    assert up.wait_for_state(run_id, ["CRASHED"], 120) == "CRASHED"
    assert wait_until(lambda: [each for each in hook.received if each.get("flow_run_id") == run_id], 30)
    assert up.run_deployment() == "COMPLETED"
    assert count_rows(up, "killed") == [(MANY, MANY)]
    assert [path.name for path in (up.home / "parts").iterdir()] == []


def test_a_failed_run_that_is_retried_ends_well_and_what_was_made_is_told_with_its_rows(
    up: Deployed, broken_run: str
) -> None:
    run_id, archive = broken_run, up.home / "archive" / "wrong.tar.gz"
    write_archive(archive)
    assert up.prefect("flow-run", "retry", run_id).returncode == 0
    assert up.wait_for_state(run_id, ["COMPLETED"], 120)
    assert wait_for_asset(up, "reviews://archive", run_id)["bytes"] == archive.stat().st_size
    assert wait_for_asset(up, "reviews://parquet", run_id)["train"] == 6


def test_what_a_killed_up_leaves_behind_is_stopped_by_down(up: Deployed) -> None:
    """The last of those that use `up`: afterwards it is down."""
    up.process.kill()
    up.process.wait()
    assert find_marked(up.home)
    assert "processes that were left behind" in up.reviews("down").out
    assert find_marked(up.home) == []


def wait_for_asset(up: Deployed, key: str, run_id: str) -> dict[str, Any]:
    """Wait for a run to tell that it made an asset, and give the metadata that it told."""
    return wait_for_told(up, "prefect.asset.materialization.succeeded", run_id, key)


def wait_for_told(up: Deployed, event: str, run_id: str, resource: str = "") -> dict[str, Any]:
    """Wait for an event of a run, and give its payload; the server keeps events some seconds late."""

    def look() -> list[dict[str, Any]]:
        return [
            each["payload"]
            for each in up.list_events(event)
            if each["resource"]["prefect.resource.id"].startswith(resource) and run_id in str(each["related"])
        ]

    return wait_until(look, 60)[0]


def test_arriving_files_are_scored_at_once_and_a_stop_waits_for_the_run_that_goes_on(
    tmp_path: Path,
) -> None:
    home = make_home(tmp_path / "home")
    with bring_up(home, "--watch-inbox", REVIEWS_DRAIN_SECONDS="200") as up:
        write_reviews(home / "inbox" / "arrived.csv", 5, "arrived")
        wait_until(lambda: count_rows(up, "arrived") == [(5, 5)], 90)
        up.wait_until_idle()
        write_reviews(home / "inbox" / "late.csv", MANY, "late")
        wait_until_scoring(up)
        (run_id,) = up.list_runs("RUNNING")
        with hold_run(home):
            left = find_marked(home)
            going_down = up.start_reviews("down")
            wait_until(lambda: "Waiting up to 200 s" in up.log.read_text(), 90)
        down = going_down.wait()
        assert up.process.wait(10) == 0
    assert (down.status, down.err) == (0, "")
    assert re.match(
        r"Waiting up to 200 s for score-reviews.*Down: everything is stopped", down.out, re.DOTALL
    )
    assert read_ended_state(home, run_id)[0] == "COMPLETED"
    assert count_rows(up, "late") == [(MANY, MANY)]
    assert psutil.wait_procs(left, timeout=0)[1] == []


def test_runs_of_an_up_that_was_killed_are_ended_and_alerted_of_once_and_a_stop_cancels_what_does_not_end(
    hook: Hook, tmp_path: Path
) -> None:
    home = make_home(tmp_path / "home")
    with bring_up(home) as up:
        write_reviews(home / "inbox" / "torn.csv", MANY, "torn")
        killed = up.start_deployment()
        wait_until_scoring(up)
        for process in [psutil.Process(up.process.pid), *find_marked(home)]:
            process.kill()
        up.process.wait()
    with bring_up(home, REVIEWS_ALERT_URL=hook.url) as up:
        assert up.read_run(killed)["state_type"] == "CRASHED"
        assert "RUNNING" not in up.list_task_states(killed)
        assert wait_until(lambda: find_alerts(hook, killed), 30)
        assert up.run_deployment() == "COMPLETED"
        write_reviews(home / "inbox" / "stopped.csv", MANY, "stopped")
        stopped = up.start_deployment()
        wait_until_scoring(up)
        with hold_run(home):
            going_down = up.start_reviews("down", "--now")
            wait_until(lambda: "Ending score-reviews" in up.log.read_text(), 90)
        down = going_down.wait()
        assert up.process.wait(10) == 0
    assert count_rows(up, "torn") == [(MANY, MANY)]
    assert len(find_alerts(hook, killed)) == 1
    assert "Ending score-reviews" in down.out
    assert read_ended_state(home, stopped) == ("CANCELLED", STOPPED)
    assert "RUNNING" not in read_ended_tasks(home, stopped)


def find_alerts(hook: Hook, run_id: str) -> list[dict[str, Any]]:
    return [each for each in hook.received if each.get("flow_run_id") == run_id]


def test_deploying_to_no_server_and_to_one_that_is_away_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    nowhere = call_reviews(tmp_path, "--home", tmp_path, "deploy")
    assert nowhere.status == 2
    assert f"No Prefect server is named. Next: `reviews --home {tmp_path} up`" in nowhere.err
    url = f"http://127.0.0.1:{find_free_port()}/api"
    away = run_installed(tmp_path / "home", "deploy", server={"PREFECT_API_URL": url})
    assert (away.status, away.err.count("\n")) == (1, 1)
    assert f"{url} does not answer" in away.err
