"""Tests of `reviews serve` as a process, on the demo's home: its answers, its page, and its end."""

import json
import os
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import Demo, ask, start_reviews
from tests.support.command import Command

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.training]

PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    command: Command


def wait_for_answer(url: str) -> None:
    """Wait until a server is healthy."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=PATIENCE_SECONDS).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def post(url: str, asked: Any) -> Any:
    """Post something as JSON; return the answer."""
    request = urllib.request.Request(
        url, json.dumps(asked).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def server(demo: Demo) -> Iterator[Server]:
    """A server, which is stopped at the end; it must then end well."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    started = Server(f"http://127.0.0.1:{port}", start_reviews(demo.home, "serve", "--port", str(port)))
    wait_for_answer(started.url)
    yield started
    assert started.command.process.pid is not None
    os.kill(started.command.process.pid, signal.SIGTERM)
    finished = started.command.wait()
    assert (finished.status, finished.err) == (0, "")
    assert f" answers on {started.url}\n" in finished.out


def test_texts_have_the_scores_that_the_demo_gave_them(demo: Demo, server: Server) -> None:
    rows = ask(demo.home, "select text, score, predicted_rating, model_id from latest_scores limit 100")
    answer = post(f"{server.url}/scores", {"texts": [row["text"] for row in rows]})
    for row, result in zip(rows, answer["results"], strict=True):
        assert result["score"] == pytest.approx(row["score"], abs=1e-6)
        assert result["predicted_rating"] == pytest.approx(row["predicted_rating"], abs=1e-5)
        assert result["rating_low"] <= result["predicted_rating"] <= result["rating_high"]
        assert result["model_id"] == row["model_id"]


@pytest.mark.browser
def test_the_page_tries_a_request_out_without_another_server(server: Server, browser: "Browser") -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server.url)
    page.get_by_text("Score one text").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    assert "predicted_rating" in page.locator(".live-responses-table .microlight").first.inner_text()
    assert {url for url in asked if not url.startswith(server.url)} <= {
        url for url in asked if url[:5] == "data:"
    }
