"""Tests that the webhook is told what needs a person, whoever started the run, and of each thing once."""

import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import httpx
import pytest
from click.testing import CliRunner

from data_contracts.errors import ReviewsError
from data_contracts.storage.home import Home
from flows import alerts
from flows.command.cli import main
from tasks.warehouse.run_log import start_run
from tests.support.scoring_runs import CSV, count, describe, drop, run
from tests.support.small_home import ask

pytestmark = pytest.mark.slow

HOOK = "http://127.0.0.1:1/hook"


class Hook:
    """A webhook that is there, or away."""

    def __init__(self) -> None:
        self.is_there = True
        self.received: list[dict[str, Any]] = []

    def post(self, url: str, *, json: dict[str, Any], timeout: float) -> httpx.Response:
        if not self.is_there:
            raise httpx.ConnectError("away")
        self.received.append(json)
        return httpx.Response(200, request=httpx.Request("POST", url))

    def take(self) -> Sequence[str]:
        """Return the texts that came since the last call."""
        texts = [each["text"] for each in self.received]
        self.received.clear()
        return texts


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch, scoring_home: Home) -> Hook:
    made = Hook()
    monkeypatch.setattr(httpx, "post", made.post)
    monkeypatch.setenv("REVIEWS_ALERT_URL", HOOK)
    return made


def test_a_run_without_a_deployment_tells_which_files_it_refused(scoring_home: Home, hook: Hook) -> None:
    drop(scoring_home, "good.csv", CSV)
    drop(scoring_home, "bad.csv", "")
    run()
    [text] = hook.take()
    assert text.startswith("score-reviews of ")
    assert str(scoring_home.folder) in text
    assert "bad.csv" in text
    assert "good.csv" not in text
    run()
    assert hook.take() == []


def test_a_bad_profile_is_told_of_once_as_long_as_it_lasts(scoring_home: Home, hook: Hook) -> None:
    describe(scoring_home, "no TOML", "shop-a")
    for name in ("a.csv", "b.csv"):
        drop(scoring_home, f"shop-a/{name}", CSV.replace("good", name))
        run()
    [text] = hook.take()
    assert "shop-a.toml" in text
    describe(scoring_home, '[columns]\ntext = "text"\n', "shop-a")
    run()
    describe(scoring_home, "no TOML again", "shop-a")
    drop(scoring_home, "shop-a/c.csv", CSV.replace("good", "great"))
    run()
    [text] = hook.take()
    assert "shop-a.toml" in text


def test_what_is_not_read_for_a_reason_is_told_of_in_each_folder(scoring_home: Home, hook: Hook) -> None:
    for source in ("shop-a", "shop-b"):
        (scoring_home.inbox / source).mkdir()
        (scoring_home.inbox / source / "a.csv").symlink_to(scoring_home.warehouse)
        run()
    assert [f"shop-{name}/a.csv" in text for name, text in zip("ab", hook.take(), strict=True)] == [
        True,
        True,
    ]


def test_a_destination_whose_library_is_missing_is_told_of_once_with_the_command_that_adds_it(
    scoring_home: Home, hook: Hook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    (tmp_path / "uv-receipt.toml").touch()
    scoring_home.destinations.mkdir()
    (scoring_home.destinations / "bi.toml").write_text('kind = "postgres"\ntable = "scores"\n')
    drop(scoring_home, "a.csv", CSV)
    run()
    run()
    [text] = hook.take()
    assert "Not delivered to bi: " in text
    assert f"uv pip install --python {sys.executable} 'psycopg[binary]>=3.2'" in text


def test_a_failed_delivery_that_has_ended_before_the_webhook_was_back_is_not_told_of(
    scoring_home: Home, hook: Hook, tmp_path: Path
) -> None:
    scoring_home.destinations.mkdir()
    profile = scoring_home.destinations / "lake.toml"
    profile.write_text(f'kind = "parquet"\nfolder = "{tmp_path}/disk/lake"\n')
    drop(scoring_home, "a.csv", CSV)
    hook.is_there = False
    run()
    assert count(scoring_home, "findings where kind = 'undelivered' and state = 'open'") == 1
    (tmp_path / "disk").mkdir()
    hook.is_there = True
    run()
    assert hook.take() == []


def test_a_run_that_fails_tells_why(scoring_home: Home, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(scoring_home, "a.csv", CSV)
    bundle = next(scoring_home.bundles.iterdir())
    bundle.rename(bundle.with_name("away"))
    for _ in range(2):
        with pytest.raises(Exception, match="bundle"):
            run()
    [text] = hook.take()
    assert "The run failed: " in text


def test_a_run_that_fails_for_an_error_of_the_system_tells_what_to_do(
    scoring_home: Home, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(scoring_home.spool))
    monkeypatch.setattr("flows.score_reviews.clear_spool", Mock(side_effect=full))
    with pytest.raises(OSError, match="No space"):
        run()
    [text] = hook.take()
    assert f"{scoring_home.spool}: {os.strerror(errno.ENOSPC)}. Next: free space on that disk" in text


def test_the_run_after_one_that_was_killed_tells_of_it_and_that_it_goes_on(
    scoring_home: Home, hook: Hook
) -> None:
    start_run(scoring_home.warehouse, str(uuid4()), "score-reviews", {}, None)
    run()
    [text] = hook.take()
    assert "was killed" in text
    assert "this run goes on with the rest" in text


def test_what_the_webhook_did_not_get_is_sent_with_the_next_run(scoring_home: Home, hook: Hook) -> None:
    drop(scoring_home, "bad.csv", "")
    hook.is_there = False
    run()
    hook.is_there = True
    run()
    [text] = hook.take()
    assert "bad.csv" in text


def test_a_run_that_looks_at_named_files_alone_repeats_nothing_that_lasts(
    scoring_home: Home, hook: Hook
) -> None:
    describe(scoring_home, "no TOML", "shop-a")
    drop(scoring_home, "shop-a/a.csv", CSV)
    run()
    run(files=[str(drop(scoring_home, "b.csv", CSV.replace("good", "great")))])
    run()
    assert len(hook.take()) == 1


def test_slack_is_given_the_name_of_a_file_as_text(
    scoring_home: Home, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEWS_ALERT_URL", "https://hooks.slack.com/services/x")
    drop(scoring_home, "<!channel>.csv", "")
    run()
    [message] = hook.received
    assert set(message) == {"text"}
    assert "&lt;!channel&gt;.csv" in message["text"]


def test_a_week_before_the_first_file_of_a_home_is_not_told_of(
    scoring_home: Home, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEWS_WEEKS", "true")
    drop(scoring_home, "a.csv", CSV)
    run()
    assert hook.take() == []


def test_a_copy_in_a_store_that_is_behind_is_told_of(
    scoring_home: Home, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEWS_STORE", "file:///dev/null/store")
    monkeypatch.setenv("REVIEWS_PUBLISH_TO_STORE", "true")
    drop(scoring_home, "a.csv", CSV)
    with contextlib.suppress(ReviewsError):  # of the store's inbox, which can't be read either
        run()
    [text] = hook.take()
    assert "No snapshot in file:///dev/null/store: " in text


def test_a_run_that_fails_and_can_t_record_it_tells_why_all_the_same(
    scoring_home: Home, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise ReviewsError("the database can't be opened")

    monkeypatch.setattr(alerts, "note_findings", refuse)
    next(scoring_home.bundles.iterdir()).rename(scoring_home.folder / "away")
    drop(scoring_home, "a.csv", CSV)
    with pytest.raises(Exception, match="bundle"):
        run()
    [text] = hook.take()
    assert "The run failed: " in text


def test_a_finding_that_was_accepted_is_listed_shown_and_told_no_more(scoring_home: Home, hook: Hook) -> None:
    drop(scoring_home, "bad.csv", "")
    hook.is_there = False
    run()

    def call(*words: str) -> str:
        done = CliRunner().invoke(main, ["--home", str(scoring_home.folder), *words])
        assert done.exception is None or words == ("status",), done.output
        return done.output

    assert all("bad.csv" in call(word) for word in ("findings", "status"))
    call("findings", "accept", "1", "--reason", "an empty day")
    assert not any("bad.csv" in call(word) for word in ("findings", "status"))
    assert "an empty day" in call("findings", "--all")
    hook.is_there = True
    run()
    assert hook.take() == []


def test_what_only_new_files_show_holds_until_its_source_sends_files_that_do_not(scoring_home: Home) -> None:
    states = []
    for name, content in (
        ("shop-a/a.csv", "text,by\ngood film,ann\n"),
        ("shop-b/b.csv", "text\ngood plot\n"),
        ("shop-a/c.csv", "text\nbad plot\n"),
    ):
        drop(scoring_home, name, content)
        run()
        query = "SELECT state FROM findings WHERE kind = 'unused_columns' AND subject = 'shop-a'"
        states += ask(scoring_home.published, query)
    assert states == [("open",), ("open",), ("settled",)]
