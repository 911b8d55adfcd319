"""Tests of the guard of Prefect's server: requests refused before the app, and accepted host names."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from data_contracts.errors import UsageError
from deployments.guarded_server import LOOPBACK_NAMES, PAGE_RULES, guard, list_hosts, protect_server
from deployments.settings import load_settings

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

OWN = "127.0.0.1:4200"


@dataclass(frozen=True)
class Asked:
    """The result of a request: the answer, whether it reached the app, and whether its body was read."""

    said: list[dict[str, Any]]
    reached: bool
    was_read: bool


def ask(headers: list[tuple[str, str]], kind: str = "http") -> Asked:
    """Send a request, or open a websocket, to a guarded app that answers everything with 200."""
    said: list[dict[str, Any]] = []
    heard: list[str] = []

    async def app(scope: "Scope", receive: "Receive", send: "Send") -> None:
        heard.append("request")
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> dict[str, Any]:
        heard.append("body")
        return {"type": "http.request", "body": b"{}"}

    async def send(message: Any) -> None:
        said.append(message)

    scope = {
        "type": kind,
        "method": "GET",
        "path": "/api/flows/",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "extensions": {"websocket.http.response": {}},
    }

    async def run() -> None:
        await guard(app, LOOPBACK_NAMES)(scope, receive, send)

    asyncio.run(run())
    return Asked(said, "request" in heard, "body" in heard)


REFUSED = {
    "no host": ([], 400),
    "a foreign host": ([("host", "rebound.test:4200")], 400),
    "a host that begins as ours": ([("host", "127.0.0.1.rebound.test")], 400),
    "a host that is none": ([("host", "127.0.0.1:4200@rebound.test")], 400),
    "another port": ([("host", OWN), ("origin", "http://127.0.0.1:8000")], 403),
    "another name of ours": ([("host", OWN), ("origin", "http://localhost:4200")], 403),
    "no origin": ([("host", OWN), ("origin", "null")], 403),
    "an image of another site": ([("host", OWN), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")], 403),
    "an empty origin": ([("host", OWN), ("origin", "")], 403),
    "two origins": ([("host", OWN), ("origin", f"http://{OWN}"), ("origin", "http://stranger.test")], 403),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("why", REFUSED)
def test_what_is_foreign_is_refused_before_anything_of_it_is_read(why: str, kind: str) -> None:
    headers, status = REFUSED[why]
    asked = ask(headers, kind)
    assert (asked.reached, asked.was_read) == (False, False)
    prefix = "websocket." if kind == "websocket" else ""
    assert asked.said[0]["type"] == f"{prefix}http.response.start"
    assert asked.said[0]["status"] == status
    assert b"access-control-allow-origin" not in dict(asked.said[0]["headers"])


@pytest.mark.parametrize("host", [OWN, "localhost:4200", "LOCALHOST:4200", "[::1]:4200", "127.0.0.1"])
def test_programs_and_our_own_pages_are_let_in(host: str) -> None:
    assert ask([("host", host)]).reached
    assert ask([("host", host), ("origin", f"http://{host}")]).reached
    assert ask([("host", host), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]).reached
    assert ask([("host", host)], "websocket").reached


@pytest.mark.parametrize(
    ("host", "further", "names"),
    [
        ("2001:db8::7", "", ["[2001:db8::7]"]),
        ("127.0.0.1", "Reviews.example.org, 2001:DB8::8", ["reviews.example.org", "[2001:db8::8]"]),
        ("192.0.2.7", "reviews.example.org", ["192.0.2.7", "reviews.example.org"]),
    ],
)
def test_it_answers_to_its_address_and_to_the_names_that_are_set(
    host: str, further: str, names: list[str]
) -> None:
    settings = load_settings({"REVIEWS_HOST": host, "REVIEWS_ALLOWED_HOSTS": further})
    assert list_hosts("REVIEWS_HOST", settings.host, settings.allowed_hosts) == [*LOOPBACK_NAMES, *names]


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_every_address_wants_the_names_by_which_it_is_reached(host: str) -> None:
    with pytest.raises(UsageError, match="REVIEWS_ALLOWED_HOSTS"):
        list_hosts("REVIEWS_HOST", host, ())
    assert "reviews.example.org" in list_hosts("REVIEWS_HOST", host, ("reviews.example.org",))


def test_our_pages_are_shown_in_no_other_and_load_nothing_of_other_servers() -> None:
    headers = dict(ask([("host", OWN)]).said[0]["headers"])
    assert headers[b"content-security-policy"] == PAGE_RULES.encode()
    assert headers[b"cross-origin-resource-policy"] == b"same-origin"
    rules = dict(rule.split(" ", 1) for rule in PAGE_RULES.split("; "))
    assert rules["connect-src"] == "'self'"
    assert not [source for source in rules["script-src"].split() if source[0] != "'" and source != "blob:"]


@pytest.mark.parametrize("names", ["*", "*.example.org", "example.org:4200", "http://example.org"])
def test_a_name_that_could_not_be_a_host_is_named(names: str) -> None:
    with pytest.raises(UsageError, match=r"REVIEWS_ALLOWED_HOSTS=.*must be names or addresses"):
        load_settings({"REVIEWS_ALLOWED_HOSTS": names})


def test_prefect_takes_our_protection_over_its_older_names_for_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from prefect.settings import Settings as PrefectSettings

    for name, value in protect_server("http://127.0.0.1:4200", "reviews:secret").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PREFECT_SERVER_CORS_ALLOWED_ORIGINS", "*")
    monkeypatch.setenv("PREFECT_SERVER_CSRF_PROTECTION_ENABLED", "false")
    monkeypatch.setenv("PREFECT_UI_API_URL", "http://stranger.test/api")
    server = PrefectSettings().server
    assert server.api.auth_string is not None
    assert server.api.auth_string.get_secret_value() == "reviews:secret"
    assert server.api.cors_allowed_origins == "http://127.0.0.1:4200"
    assert server.api.csrf_protection_enabled
    assert server.ui.api_url == "/api"
