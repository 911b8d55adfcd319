"""Tests that the archive is downloaded completely and as published, whatever the server does."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from data_contracts.archive import PublishedArchive
from data_contracts.errors import SourceError
from tasks.archive import download
from tasks.archive.download import FetchedArchive, fetch_archive
from tasks.support.locking import hold_folder
from tests.support.small_disks import limit_file_size

DATA = bytes(range(1, 256)) * 2000
OTHER_DATA = DATA[::-1]
ATTEMPTS = 3

Answer = Callable[["Handler"], None]


@dataclass
class Site:
    """A server that gives one answer after the other, and then repeats the last one."""

    address: str = ""
    answers: list[Answer] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def url(self, name: str = "reviews.tar.gz") -> str:
        return f"{self.address}/{name}"

    def ranges(self) -> list[str | None]:
        return [request.get("range") for request in self.requests]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        self.site.requests.append({name.lower(): value for name, value in self.headers.items()})
        answers = self.site.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing, to keep the tests' output clean."""


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of closed connections, which these tests cause."""


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up soon, so that a test takes no minutes."""
    few = {"ATTEMPTS": ATTEMPTS, "FIRST_PAUSE": 0.001, "LONGEST_PAUSE": 0.01, "TIMEOUT": 0.3}
    for name, value in few.items():
        monkeypatch.setattr(download, name, value)


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    handler = type("SiteHandler", (Handler,), {"site": site})
    server = QuietServer(("127.0.0.1", 0), handler)
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    site.ended.set()
    server.shutdown()
    server.server_close()
    thread.join()


def send(
    data: bytes = DATA,
    *,
    etag: str = '"one"',
    stop_after: int | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Answer correctly; with `stop_after`, close the connection after that many bytes of the body."""

    def answer(handler: Handler) -> None:
        start = _find_start(handler, data, etag)
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        more = {"ETag": etag, "Content-Length": str(len(data) - start), **(headers or {})}
        for name, value in more.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data[start:] if stop_after is None else data[start : start + stop_after])
        handler.close_connection = stop_after is not None

    return answer


def _find_start(handler: Handler, data: bytes, etag: str) -> int:
    wanted = handler.headers.get("Range", "bytes=0-")
    start = int(wanted.removeprefix("bytes=").removesuffix("-"))
    return start if handler.headers.get("If-Range", etag) == etag and start < len(data) else 0


def send_raw(head: str, body: bytes = b"") -> Answer:
    """Send an answer byte for byte, and close."""

    def answer(handler: Handler) -> None:
        handler.wfile.write(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        handler.close_connection = True

    return answer


def refuse(status: int, **headers: str) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def stall(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(DATA)))
    handler.end_headers()
    handler.wfile.write(DATA[:1000])
    handler.wfile.flush()
    handler.site.ended.wait(10)


def fetch(site: Site, folder: Path) -> FetchedArchive:
    published = PublishedArchive(site.url(), len(DATA), sha256(DATA).hexdigest())
    return fetch_archive(site.url(), folder, published=published)


def find_part(folder: Path) -> Path:
    [part] = folder.glob("*.part")
    return part


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_path_is_used_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "mine.tar.gz"
    path.write_bytes(DATA)
    fetched = fetch_archive(str(path), tmp_path / "archive")
    assert fetched == FetchedArchive(path, sha256(DATA).hexdigest())
    assert not (tmp_path / "archive").exists()


@pytest.mark.parametrize("address", ["file:///etc/hosts", "http://", "http://[::bad/a"])
def test_an_address_that_can_not_be_fetched_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="Next: "):
        fetch_archive(address, tmp_path)


def test_a_download_is_kept_whole_and_nothing_else_and_not_made_again(site: Site, tmp_path: Path) -> None:
    site.answers = [send()]
    fetched = fetch(site, tmp_path)
    assert fetched == FetchedArchive(tmp_path / "reviews.tar.gz", sha256(DATA).hexdigest())
    assert fetched.path.read_bytes() == DATA
    assert list_names(tmp_path) == ["reviews.tar.gz"]
    assert fetch(site, tmp_path) == fetched
    assert len(site.requests) == 1


def test_a_broken_download_goes_on_where_it_stopped(site: Site, tmp_path: Path) -> None:
    site.answers = [send(stop_after=1000), send(), send(stop_after=500), send()]
    assert fetch(site, tmp_path).path.read_bytes() == DATA
    assert site.ranges() == [None, None, "bytes=1000-", None, "bytes=1500-"]
    assert site.requests[2]["if-range"] == '"one"'


def test_a_download_goes_on_in_a_later_run(site: Site, tmp_path: Path) -> None:
    site.answers = [send(stop_after=1000), refuse(503)]
    with pytest.raises(SourceError, match=r"gave up after 3 attempts.*What came is kept in"):
        fetch(site, tmp_path)
    site.answers = [send()]
    assert fetch(site, tmp_path).path.read_bytes() == DATA
    assert site.ranges()[-1] == "bytes=1000-"


def test_a_file_that_changes_in_between_is_fetched_anew(site: Site, tmp_path: Path) -> None:
    site.answers = [send(OTHER_DATA, etag='"old"', stop_after=1000), send(DATA, etag='"new"')]
    assert fetch(site, tmp_path).path.read_bytes() == DATA
    assert site.ranges() == [None, None]


@pytest.mark.parametrize(("first", "size"), [(900, len(DATA)), (1000, 999_999)])
def test_a_part_that_does_not_fit_makes_it_begin_anew(
    site: Site, tmp_path: Path, first: int, size: int
) -> None:
    answered = f"bytes {first}-{len(DATA) - 1}/{size}"
    part = send_raw(f"HTTP/1.1 206 Partial\nContent-Range: {answered}\nContent-Length: 4", b"oops")
    site.answers = [send(stop_after=1000), send(), part, send()]
    assert fetch(site, tmp_path).path.read_bytes() == DATA
    assert site.ranges() == [None, None, "bytes=1000-", None]


def test_a_part_of_another_address_is_not_gone_on_with(site: Site, tmp_path: Path) -> None:
    site.answers = [send(OTHER_DATA, stop_after=1000), refuse(404)]
    with pytest.raises(SourceError):
        fetch_archive(site.url("other/reviews.tar.gz"), tmp_path)
    site.answers = [send()]
    assert fetch(site, tmp_path).path.read_bytes() == DATA
    assert site.ranges()[-1] is None


def test_a_server_that_is_busy_twice_is_asked_again(site: Site, tmp_path: Path) -> None:
    site.answers = [refuse(503), refuse(429, Retry_After="7"), send()]
    assert fetch(site, tmp_path).path.read_bytes() == DATA


def test_an_answer_that_stays_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    site.answers = [refuse(404), send()]
    with pytest.raises(SourceError, match=r"reviews\.tar\.gz: answered 404 .*Next: "):
        fetch(site, tmp_path)
    assert len(site.requests) == 1


def test_a_server_that_stalls_is_given_up_and_says_where_to_go_on(site: Site, tmp_path: Path) -> None:
    site.answers = [stall]
    with pytest.raises(SourceError, match=r"gave up after 3 attempts.*Next: run it again"):
        fetch(site, tmp_path)


def test_a_compressed_transfer_is_kept_as_it_lies_on_the_server(site: Site, tmp_path: Path) -> None:
    site.answers = [send(headers={"Content-Encoding": "x-gzip"})]
    assert fetch(site, tmp_path).path.read_bytes() == DATA
    assert site.requests[0]["accept-encoding"] == "identity"


def test_a_redirect_to_another_kind_of_address_is_refused(site: Site, tmp_path: Path) -> None:
    site.answers = [refuse(302, Location="file:///etc/hosts")]
    with pytest.raises(SourceError, match="can't be downloaded"):
        fetch(site, tmp_path)


def test_a_web_page_is_refused_as_such(site: Site, tmp_path: Path) -> None:
    site.answers = [send(b"\n<html>Please log in</html>")]
    with pytest.raises(SourceError, match="sent a web page, not an archive"):
        fetch(site, tmp_path)
    assert len(site.requests) == 1


def test_a_wrong_file_is_set_aside_with_its_checksum(site: Site, tmp_path: Path) -> None:
    site.answers = [send(OTHER_DATA)]
    with pytest.raises(SourceError, match=rf"{sha256(DATA).hexdigest()}.*Next: "):
        fetch(site, tmp_path)
    [aside] = tmp_path.iterdir()
    assert aside.name == f"reviews.tar.gz.wrong-{sha256(OTHER_DATA).hexdigest()}"
    assert aside.read_bytes() == OTHER_DATA


def test_a_file_that_is_there_and_does_not_fit_is_set_aside_and_replaced(site: Site, tmp_path: Path) -> None:
    (tmp_path / "reviews.tar.gz").write_bytes(OTHER_DATA)
    site.answers = [send()]
    assert fetch(site, tmp_path).path.read_bytes() == DATA
    aside = f"reviews.tar.gz.wrong-{sha256(OTHER_DATA).hexdigest()}"
    assert (tmp_path / aside).read_bytes() == OTHER_DATA


def test_messages_and_notes_keep_passwords_to_themselves(site: Site, tmp_path: Path) -> None:
    site.answers = [send(stop_after=1000), refuse(404)]
    address = site.url("a.tar.gz?token=hidden").replace("http://", "http://user:secret@")
    with pytest.raises(SourceError) as refusal:
        fetch_archive(address, tmp_path)
    written = str(refusal.value) + "".join(list_names(tmp_path))
    assert "secret" not in written
    assert "hidden" not in written


def test_too_many_bytes_without_a_promise_are_refused(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "MAX_TOTAL_BYTES", 10_000)
    site.answers = [send_raw("HTTP/1.1 200 OK\nConnection: close", DATA)]
    with pytest.raises(SourceError, match="the limit"):
        fetch(site, tmp_path)
    assert find_part(tmp_path).stat().st_size == 0


def test_a_full_disk_is_a_source_error_and_the_download_goes_on_later(site: Site, tmp_path: Path) -> None:
    site.answers = [send()]
    with limit_file_size(100_000), pytest.raises(SourceError, match=r"the archive can't be stored: .*Next: "):
        fetch(site, tmp_path)
    kept = find_part(tmp_path).stat().st_size
    assert 0 < kept <= 100_000
    assert fetch(site, tmp_path).path.read_bytes() == DATA
    assert site.ranges()[-1] == f"bytes={kept}-"


def test_a_folder_in_use_by_another_run_is_left_alone(site: Site, tmp_path: Path) -> None:
    with hold_folder(tmp_path), pytest.raises(SourceError, match="another run is writing there"):
        fetch(site, tmp_path)
    site.answers = [send()]
    assert fetch(site, tmp_path).sha256 == sha256(DATA).hexdigest()
