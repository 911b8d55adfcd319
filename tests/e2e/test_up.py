"""`reviews up` with real processes: who may use it, what its runs do, and what happens when one of them is killed."""

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from prefect.server.events.schemas.automations import EventTrigger
from prefect.server.events.schemas.events import ReceivedEvent
from prometheus_client.parser import text_string_to_metric_families

from deployments.draining import MESSAGE as STOPPED
from deployments.installation_paths import PROJECT_ROOT
from deployments.marked_processes import find_marked
from deployments.settings import DEPLOYMENTS
from tests.e2e.conftest import REVIEWS, call_reviews, run_reviews
from tests.e2e.deployed import (
    INGEST,
    SCORE,
    Deployed,
    Hook,
    authorize,
    bring_up,
    catch_posts,
    find_free_port,
    find_watch,
    list_deployed,
    make_home,
    read_ended_state,
    read_ended_tasks,
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
from tests.support.command import Call, Finished, start_command
from tests.support.small_archive import list_files, write_archive

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.training]

ROWS = 50
"""Reviews of a file that a run scores."""
MID_SCORING = "score: part half written"
"""The fault point at which a run stands still while something is killed or stopped."""
AFTER_FETCHING = "ingest: archive fetched"
"""The fault point at which a run that ingests does so."""


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    with catch_posts() as hook:
        yield hook


@pytest.fixture(scope="module")
def up(hook: Hook, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    home = make_home(tmp_path_factory.mktemp("up") / "home")
    served = {f"REVIEWS_{name}_PORT": str(find_free_port()) for name in ("METRICS", "SITE")}
    asked = {"REVIEWS_REPORTS": "true"}
    with bring_up(home, REVIEWS_ALERT_URL=hook.url, **served, **asked) as deployed:
        yield deployed


def count_rows(up: Deployed, name: str) -> list[tuple[int, int]]:
    """Count the scored reviews of a file, and the distinct ones."""
    return up.ask(
        "select count(*), count(distinct row_number) from scored_reviews join source_reviews "
        f"using (source_sha256, row_number) where review_id like '{name}%'"
    )


def test_a_second_up_says_where_the_first_one_is(up: Deployed) -> None:
    second = up.reviews("up")
    assert second.status == 1
    assert f"It is up already for {up.home}: http://127.0.0.1:{up.port}" in second.err


def test_status_says_what_runs_and_when_next(up: Deployed) -> None:
    said = up.reviews("status").out
    assert f"Up: http://127.0.0.1:{up.port}" in said
    assert all(f"\n  {name}" in said for name in DEPLOYMENTS)
    found = json.loads(up.reviews("status", "--format", "json").out)
    assert (found["is_up"], found["url"]) == (True, f"http://127.0.0.1:{up.port}")
    assert tuple(found["deployments"]) == DEPLOYMENTS


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
    assert "another host than this server's" in read_by_rebinding(browser, up.port)


@pytest.mark.browser
def test_the_pages_show_the_deployments_to_whoever_has_the_password(up: Deployed, browser: "Browser") -> None:
    shown = log_in(browser, f"http://localhost:{up.port}", "v2/deployments", up.password)
    assert set(DEPLOYMENTS) <= set(shown)


def test_deploying_twice_leaves_one_of_everything(up: Deployed) -> None:
    before, watch = list_deployed(up), find_watch(up)
    done = up.prefect("--no-prompt", "deploy", "--all", "--prefect-file", str(PROJECT_ROOT / "prefect.yaml"))
    assert done.status == 0, done.out + done.err
    assert list_deployed(up) == before
    assert find_watch(up) == watch
    env = up.ask_server("GET", f"deployments/name/{SCORE}")["job_variables"]["env"]
    assert f"({up.home} on " in env["REVIEWS_DEPLOYED_HOME"]
    deployments, schedules, automations = before
    assert deployments == sorted(DEPLOYMENTS)
    assert schedules == ["daily", "daily", "every-15-minutes", "weekly"]
    assert len(automations) == len(set(automations)) == 5


@pytest.fixture(scope="module")
def beside(up: Deployed) -> Finished:
    """What a command beside `up`, to whose environment no server is known, has scored."""
    write_reviews(up.home / "beside.csv", 3, "beside")
    environment = {**up.environment}
    environment.pop("PREFECT_API_URL")
    arguments = ("--home", str(up.home), "score", str(up.home / "beside.csv"))
    return start_command(Call(arguments, environment, Path("/"))).wait()


def test_a_command_beside_it_uses_its_server(up: Deployed, beside: Finished) -> None:
    assert beside.status == 0, beside.err
    runs = up.ask_server("POST", "flow_runs/filter", {})
    assert any("3 reviews" in run["name"] and run["deployment_id"] is None for run in runs)


@dataclass(frozen=True)
class DailyRun:
    """A run that scored a file and refused another one, while a query read the published copy.

    A second run was asked for meanwhile.
    """

    states: Sequence[str]
    """How both runs ended."""
    run_id: str
    """The first one."""
    second_id: str
    is_still_read: bool
    """Whether the query was still reading when the runs had ended."""


@pytest.fixture(scope="module")
def daily_run(up: Deployed, beside: Finished) -> DailyRun:
    """The query needs a review that was scored before, such as one of `beside`."""
    many = "select text from source_reviews, range(1_000_000)"
    command = [str(REVIEWS), "--home", str(up.home), "sql", "--format", "csv", many]
    reader = subprocess.Popen(command, env=up.environment, cwd="/", stdout=subprocess.PIPE)
    assert reader.stdout is not None
    assert reader.stdout.readline() == b"text\n"  # it goes on only as far as somebody reads what it writes
    (up.home / "inbox" / "broken.parquet").write_bytes(b"PAR1 cut off")
    write_reviews(up.home / "inbox" / "beside-broken.csv", ROWS, "fine")
    runs = [up.start_deployment(with_pages=True) for _ in range(2)]
    states = [up.wait_for_end(run) for run in runs]
    is_still_read = reader.poll() is None
    reader.kill()
    reader.communicate()
    return DailyRun(states, runs[0], runs[1], is_still_read)


def count_scored(up: Deployed, run_id: str) -> int:
    """Count the reviews that a run has scored."""
    [(rows,)] = up.ask(f"select count(*) from scored_reviews where run_id = '{run_id}'")
    return int(rows)


def test_of_two_runs_started_together_one_waits_and_every_row_is_scored_once(
    up: Deployed, daily_run: DailyRun
) -> None:
    assert daily_run.states == ["COMPLETED", "COMPLETED"]
    first, second = (up.read_run(run) for run in (daily_run.run_id, daily_run.second_id))
    assert first["end_time"] < second["start_time"]
    assert count_rows(up, "fine") == [(ROWS, ROWS)]
    told = wait_for_asset(up, "duckdb://reviews/scored_reviews", daily_run.run_id)
    assert told["rows_scored"] == count_scored(up, daily_run.run_id) == ROWS


def test_a_heartbeat_of_a_run_counts_as_its_sign_of_life(up: Deployed, daily_run: DailyRun) -> None:
    beats = {
        "event": {"name": ["prefect.flow-run.heartbeat"]},
        "any_resource": {"id": [f"prefect.flow-run.{daily_run.run_id}"]},
    }
    [beat, *_] = wait_until(lambda: up.ask_server("POST", "events/filter", {"filter": beats})["events"], 30)
    assert EventTrigger.model_validate(find_watch(up)["trigger"]).covers(ReceivedEvent.model_validate(beat))


def test_a_run_commits_while_a_long_query_reads(up: Deployed, daily_run: DailyRun) -> None:
    assert daily_run.is_still_read
    assert count_rows(up, "fine") == [(ROWS, ROWS)]


def test_a_run_that_refused_a_file_is_completed_and_says_so(
    up: Deployed, hook: Hook, daily_run: DailyRun
) -> None:
    run_id = daily_run.run_id
    run = up.read_run(run_id)
    assert run["state_type"] == "COMPLETED"
    assert "broken.parquet" in run["state"]["message"]
    pages = {page["key"]: page["data"] for page in up.list_artifacts(run_id)}
    assert "broken.parquet" in pages["outcome"]
    alert = wait_until(lambda: [each for each in find_alerts(hook, run_id) if "refused" in each["text"]], 30)[
        0
    ]
    assert "broken.parquet" in alert["text"]
    told = wait_for_payload(up, "reviews.scores.committed", run_id)
    scored = count_scored(up, run_id), 1
    assert (told["rows_scored"], told["files_scored"], told["files_refused"]) == (*scored, 1)
    assert alert["url"].endswith(run_id)


def test_the_metrics_are_those_of_sql_and_of_the_server(up: Deployed, daily_run: DailyRun) -> None:
    [url] = re.findall(r"metrics  (http://127\.0\.0\.1:\d+/metrics)", up.log.read_text())
    figures = wait_until(lambda: read_metrics(url), 60)
    [(rows,)] = up.ask("select count(*) from scored_reviews")
    [(refused,)] = up.ask("select count(*) from scored_files where status = 'refused'")
    assert sum(figures["reviews_rows_scored"]) == rows >= ROWS
    assert sum(figures["reviews_files_refused"]) == refused >= 1
    assert figures["reviews_unscored_files"] == figures["reviews_oldest_unscored_file_age_seconds"] == [0]
    assert (figures["reviews_server_up"], figures["reviews_workers_online"]) == ([1], [1])
    assert figures["reviews_last_run_failed"][-1:] == [0]


def test_the_report_of_a_run_is_linked_where_the_site_is_served(up: Deployed, daily_run: DailyRun) -> None:
    [url] = re.findall(r"site   (http://127\.0\.0\.1:\d+) ", up.log.read_text())
    assert f"  site    {url}\n" in up.reviews("status").out
    first = httpx.get(url, follow_redirects=True)
    assert (first.url.path, "What the reviews say" in first.text) == ("/site/index.html", True)
    [link] = [each["data"] for each in up.list_artifacts(daily_run.run_id) if each["key"] == "report"]
    address = f"{url}/reports/{daily_run.run_id}.html"
    assert address in link
    assert "Scoring run" in httpx.get(address).raise_for_status().text
    assert httpx.get(f"{url}/site/../reviews.duckdb").status_code == 404


def read_metrics(url: str) -> dict[str, list[float]]:
    """Return the values of each metric; none while it is not served, or the server or the worker is not up."""
    try:
        text = httpx.get(url, timeout=30).raise_for_status().text
    except httpx.TransportError:
        return {}
    families = text_string_to_metric_families(text)
    figures = {each.name: [sample.value for sample in each.samples] for each in families}
    return figures if figures.get("reviews_workers_online") == [1] else {}


@pytest.fixture(scope="module")
def broken_run(up: Deployed) -> str:
    """A run whose archive breaks its contract; it stands still at `AFTER_FETCHING` when it is retried too."""
    files = list_files()
    files["aclImdb/train/pos/0_3.txt"] = files.pop("aclImdb/train/pos/0_9.txt")
    archive = write_archive(up.home / "archive" / "wrong.tar.gz", files)
    run_id = up.start_deployment(INGEST, AFTER_FETCHING, archive=str(archive), accept_unverified=True)
    up.wait_for_halt(run_id).resume()
    assert up.wait_for_end(run_id) == "FAILED"
    return run_id


def test_a_broken_contract_fails_the_run_shows_why_and_alerts(
    up: Deployed, hook: Hook, broken_run: str
) -> None:
    run_id = broken_run
    assert "lowest_rating_fits_label" in up.read_run(run_id)["state"]["message"]
    alert = wait_until(lambda: find_alerts(hook, run_id), 30)[0]
    assert "lowest_rating_fits_label" in alert["text"]
    told = wait_for_payload(up, "reviews.contract.failed", run_id)
    assert (told["boundary"], told["failed_checks"]) == ("archive", 1)
    assert alert["url"].endswith(run_id)


def test_training_on_the_server_promotes_and_scores_again_by_itself(up: Deployed, beside: Finished) -> None:
    scored = up.ask("select count(*) from scored_reviews")[0][0]
    training = up.start_deployment("train-model/train-model", variant="cnn_lstm", epochs=1, promote="always")
    assert up.wait_for_end(training, 200) == "COMPLETED"
    assert up.read_run(training)["name"].startswith("train-model cnn_lstm seed 0 accuracy 0.")
    assert wait_for_asset(up, "reviews://bundle", training)["train"] > 0
    wait_until(lambda: up.ask("select count(*) from scored_reviews")[0][0] == 2 * scored, 120, 1)
    up.wait_until_idle()
    per_model = up.ask(
        "select count(distinct model_id), count(*) from scored_reviews group by source_sha256, row_number"
    )
    assert set(per_model) == {(2, 2)}


@pytest.mark.usefixtures("daily_run")
def test_the_password_stands_in_its_file_alone(up: Deployed) -> None:
    arguments = [word for process in find_marked(up.home) for word in process.cmdline()]
    assert any("guarded_server" in word for word in arguments)
    assert not [word for word in arguments if up.password in word]
    assert find_holders(up.home, up.password) == [up.home / "prefect" / "password"]


def test_a_run_killed_with_its_worker_is_marked_alerted_and_completed_by_the_next_under_a_killed_server(
    up: Deployed, hook: Hook
) -> None:
    write_reviews(up.home / "inbox" / "killed.csv", ROWS, "killed")
    run_id = up.start_deployment(halt_at=MID_SCORING)
    run = up.wait_for_halt(run_id)
    for process in [*up.find_processes("worker start"), run]:
        process.kill()
    waits = up.start_deployment(halt_at=MID_SCORING)
    up.wait_for_state(run_id, ["CRASHED"], 120)
    goes_on = up.wait_for_halt(waits)
    assert wait_until(lambda: find_alerts(hook, run_id), 30)
    (server,) = up.find_processes("guarded_server")
    server.kill()
    goes_on.resume()
    assert up.wait_for_end(waits) == "COMPLETED"
    assert count_rows(up, "killed") == [(ROWS, ROWS)]
    assert [path.name for path in (up.home / "parts").iterdir()] == []


@pytest.fixture(scope="module")
def killed_run(up: Deployed, broken_run: str) -> str:
    """The run of a `reviews up` that was killed while it scored; what uses that one alone comes before."""
    write_reviews(up.home / "inbox" / "torn.csv", ROWS, "torn")
    run_id = up.start_deployment(halt_at=MID_SCORING)
    up.wait_for_halt(run_id)
    up.process.kill()
    up.process.wait()
    return run_id


@pytest.mark.usefixtures("killed_run")
def test_what_a_killed_up_leaves_behind_is_stopped_by_down(up: Deployed) -> None:
    assert find_marked(up.home)
    assert "stopped what was left behind: " in up.reviews("down").out
    assert find_marked(up.home) == []


@pytest.fixture(scope="module")
def up_again(up: Deployed, killed_run: str, hook: Hook) -> Iterator[Deployed]:
    """The next `reviews up` of that home, which watches the inbox."""
    settings = {"REVIEWS_ALERT_URL": hook.url, "REVIEWS_DRAIN_SECONDS": "200"}
    with bring_up(up.home, "--watch-inbox", **settings) as again:
        yield again


def test_arriving_files_are_scored_at_once_and_what_a_killed_run_left_with_them(up_again: Deployed) -> None:
    write_reviews(up_again.home / "inbox" / "arrived.csv", 5, "arrived")
    wait_until(lambda: count_rows(up_again, "arrived") == [(5, 5)], 90, 1)
    up_again.wait_until_idle()
    assert count_rows(up_again, "torn") == [(ROWS, ROWS)]


def test_runs_of_an_up_that_was_killed_are_ended_by_the_next_and_alerted_of_once(
    up_again: Deployed, killed_run: str, hook: Hook
) -> None:
    assert up_again.read_run(killed_run)["state_type"] == "CRASHED"
    assert "RUNNING" not in up_again.list_task_states(killed_run)
    assert len(wait_until(lambda: find_alerts(hook, killed_run), 30)) == 1


def test_a_stop_waits_for_runs_that_go_on_and_one_that_is_not_to_wait_cancels_them(
    up_again: Deployed, broken_run: str
) -> None:
    """The run that failed is retried, and goes on when the first `down` waits; another one stands still."""
    archive = up_again.home / "archive" / "wrong.tar.gz"
    write_archive(archive)
    assert up_again.prefect("flow-run", "retry", broken_run).status == 0
    score = up_again.start_deployment(halt_at=MID_SCORING)
    write_reviews(up_again.home / "inbox" / "late.csv", ROWS, "late")
    up_again.wait_for_halt(score)
    goes_on = up_again.wait_for_halt(broken_run)
    started = [up_again.start_reviews("down")]
    wait_until(lambda: "Waiting up to 200 s" in up_again.log.read_text(), 90)
    goes_on.resume()
    assert up_again.wait_for_end(broken_run) == "COMPLETED"
    # The attempt that failed has reported its archive too.
    wait_for_asset(up_again, "reviews://archive", broken_run, bytes=archive.stat().st_size)
    assert wait_for_asset(up_again, "reviews://parquet", broken_run)["train"] == 6
    started.append(up_again.start_reviews("down", "--now"))
    downs = [each.wait() for each in started]
    assert (up_again.process.wait(10), [(each.status, each.err) for each in downs]) == (0, [(0, "")] * 2)
    said = r"Waiting up to 200 s for .*score-reviews.*Ending score-reviews.*Down: everything is stopped"
    assert re.match(said, downs[0].out, re.DOTALL)
    assert read_ended_state(up_again.home, score) == ("CANCELLED", STOPPED)
    assert "RUNNING" not in read_ended_tasks(up_again.home, score)
    assert find_marked(up_again.home) == []


def wait_for_asset(up: Deployed, key: str, run_id: str, **known: Any) -> dict[str, Any]:
    """Wait until a run has reported an asset and return its metadata; those that are `known` must be as given."""

    def look() -> list[dict[str, Any]]:
        found = list_payloads(up, "prefect.asset.materialization.succeeded", run_id, key)
        return [each for each in found if known.items() <= each.items()]

    return wait_until(look, 60)[0]


def wait_for_payload(up: Deployed, event: str, run_id: str) -> dict[str, Any]:
    """Wait for an event of a run and return its payload; the server stores events some seconds late."""
    return wait_until(lambda: list_payloads(up, event, run_id), 60)[0]


def list_payloads(up: Deployed, event: str, run_id: str, resource: str = "") -> list[dict[str, Any]]:
    """List the payloads of a run's events of a resource whose id starts with `resource`."""
    return [
        each["payload"]
        for each in up.list_events(event)
        if each["resource"]["prefect.resource.id"].startswith(resource) and run_id in str(each["related"])
    ]


def find_alerts(hook: Hook, run_id: str) -> list[dict[str, Any]]:
    return [each for each in hook.received if each.get("flow_run_id") == run_id]


def test_deploying_to_no_server_and_to_one_that_is_away_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    nowhere = call_reviews(tmp_path, "--home", tmp_path, "up", "--deploy-only")
    assert nowhere.status == 2
    assert f"No Prefect server is named. Next: `reviews --home {tmp_path} up`" in nowhere.err
    url = f"http://127.0.0.1:{find_free_port()}/api"
    away = run_reviews(tmp_path / "home", "up", "--deploy-only", server={"PREFECT_API_URL": url})
    assert (away.status, away.err.count("\n")) == (1, 1)
    assert f"{url} does not answer" in away.err
