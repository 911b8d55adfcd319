"""Attacks that the guarded server must reject: raw requests, and a page of another origin in a real browser."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

if TYPE_CHECKING:
    from playwright.sync_api import Browser

STRANGE = "http://stranger.test"
PREFLIGHT = {"Origin": STRANGE, "Access-Control-Request-Method": "POST"}
REQUESTS: Mapping[str, tuple[str, str, dict[str, str], int]] = {
    "a foreign host": ("GET", "api/health", {"Host": "rebound.test"}, 400),
    "a foreign host's page": ("GET", "", {"Host": "rebound.test:4200"}, 400),
    "a page of another origin": ("GET", "api/health", {"Origin": STRANGE}, 403),
    "a page without an origin": ("GET", "api/health", {"Origin": "null"}, 403),
    "a page of another port": ("GET", "api/health", {"Origin": "http://127.0.0.1:1"}, 403),
    "a form of another origin": ("POST", "api/flows/", {"Origin": STRANGE}, 403),
    "a preflight of another origin": ("OPTIONS", "api/flows/", PREFLIGHT, 403),
    "no password": ("GET", "api/admin/version", {}, 401),
    "no password, to change something": ("GET", "api/csrf-token?client=stranger", {}, 401),
}
"""What strangers ask: method, path, headers, and the status that they get."""

ATTEMPTS = """
async ([api, authorization]) => {
  const flow = JSON.stringify({name: "of-a-stranger"});
  const json = {"Content-Type": "application/json"};
  const attempts = {
    "read": () => fetch(`${api}/health`).then(answer => answer.text()),
    "read with the password": () =>
      fetch(`${api}/admin/version`, {headers: {Authorization: authorization}}).then(answer => answer.text()),
    "write": () => fetch(`${api}/flows/`, {method: "POST", headers: json, body: flow}).then(answer => answer.text()),
    "write without asking": () =>
      fetch(`${api}/flows/`, {method: "POST", mode: "no-cors", body: new Blob([flow])}).then(() => "refused"),
    "websocket": () => new Promise((good, bad) => {
      const socket = new WebSocket(`${api.replace("http", "ws")}/events/in`, "prefect");
      socket.onopen = () => good("open");
      socket.onerror = bad;
    }),
  };
  const came = {};
  for (const [name, attempt] of Object.entries(attempts)) {
    came[name] = await attempt().catch(() => "refused");
  }
  return came;
}
"""
"""What a page tries; the answer to a request that it sends without asking is kept from it in any case."""


def ask_as_stranger(url: str, name: str) -> httpx.Response:
    """Send one of `REQUESTS` to a server."""
    method, path, headers, _ = REQUESTS[name]
    return httpx.request(method, f"{url}/{path}", headers=headers, timeout=60)


def open_websocket(api_url: str, origin: str) -> int:
    """Open a websocket as a page of an origin does; return the status, 101 if it is open."""
    try:
        url, known = f"{api_url.replace('http', 'ws')}/events/in", [Subprotocol("prefect")]
        with connect(url, origin=Origin(origin), subprotocols=known):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@contextmanager
def serve_page() -> Iterator[str]:
    """Serve an empty page on a free port, which makes it a different origin from all other servers here."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Kittens</title>")

        def log_message(self, *arguments: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def attack_from_page(browser: "Browser", api_url: str, authorization: str) -> dict[str, str]:
    """Open a page of another origin and run every attack from it; return the result of each."""
    with serve_page() as strange:
        page = browser.new_page()
        page.goto(strange)
        came: dict[str, str] = page.evaluate(ATTEMPTS, [api_url, authorization])
        page.close()
    return came


def read_by_rebinding(browser: "Browser", port: int) -> str:
    """Open the server under a foreign name that resolves to it; return the visible text."""
    page = browser.new_page()
    page.goto(f"http://rebound.test:{port}/api/health")
    seen = page.inner_text("body")
    page.close()
    return seen


def log_in(browser: "Browser", url: str, path: str, password: str) -> list[str]:
    """Log in to a list of deployments as a user does; return the names shown."""
    page = browser.new_page()
    page.goto(f"{url}/{path}")
    page.get_by_placeholder("admin:pass").fill(password)
    page.get_by_role("button", name="Login").click()
    page.wait_for_url(lambda there: "login" not in there)
    page.get_by_role("link", name="score-reviews").first.wait_for()
    names = page.locator("a[href*='/deployments/deployment/']").all_inner_texts()
    page.close()
    return names


def find_holders(folder: Path, secret: str) -> list[Path]:
    """Return the files that contain a secret; skip files that are deleted meanwhile."""
    found = []
    for path in filter(Path.is_file, folder.rglob("*")):
        with suppress(FileNotFoundError):
            found += [path] if secret.encode() in path.read_bytes() else []
    return found
