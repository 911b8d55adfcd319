"""Provides the archive as a local file: a path is used in place, a URL is downloaded and its checksum checked.

Only URLs need the network (HTTP; proxies come from the environment). In the archive folder, `<name>` is a complete
download, `<name>.<version>.part` an unfinished one of the version of the file that the server had then, which a later
attempt or run completes, and `<name>.wrong-<sha256>` a file that should be the published archive and is not.
"""

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx

from data_contracts.archive import MAX_TOTAL_BYTES, MEBIBYTE, PUBLISHED, PublishedArchive
from data_contracts.errors import SourceError, SourceUnreachableError
from data_contracts.storage.durable import make_durable, make_folder, move_all, put_in_place, remove_leftovers
from tasks.support.checksums import compute_sha256
from tasks.support.locking import hold_folder, refuse_to_wait

ATTEMPTS = 8
"""Failed attempts, with less than `PROGRESS_BYTES` received in all, after which a download gives up."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between attempts; each pause is twice the last one, and longer by a random share of at most a half."""
TIMEOUT = 30.0
"""Seconds to connect, and for each read of a body."""
PROGRESS_BYTES = MEBIBYTE
"""Bytes that must arrive, over one or more attempts, before the count of failed attempts starts at 0 again."""
USE_ANOTHER = "Next: name another archive with --archive (a path, or an http or https URL)."


@dataclass(frozen=True)
class FetchedArchive:
    """A complete archive on this machine, downloaded or named by its path."""

    path: Path
    sha256: str
    """Hex digest of the file's bytes."""


class _RetryableError(Exception):
    """A failed attempt that may be repeated; `wait` is the pause in seconds that the server asked for."""

    def __init__(self, reason: str, wait: str = "") -> None:
        super().__init__(reason)
        self.wait = float(wait) if wait.isdecimal() else 0.0


def fetch_archive(
    source: str,
    archive_dir: Path,
    report: Callable[[int], None] = lambda amount: None,
    *,
    published: PublishedArchive = PUBLISHED,
) -> FetchedArchive:
    """Return `source`, a path or an http(s) URL, as a local file; download a URL into `archive_dir`.

    A file that an earlier run completed is not downloaded again; that of the published URL must have the published
    sha256. `report` is called with the number of bytes received since its last call, first with those of an earlier,
    interrupted download. Raises `SourceError` if the source can't be read or is not the published archive.
    """
    if "://" not in source:
        path = Path(source).expanduser()
        try:
            if not path.is_file():
                reason = "it is no file" if path.exists() else "there is no such file"
                raise SourceError(f"{path}: {reason}. {USE_ANOTHER}")
            return FetchedArchive(path, compute_sha256(path))
        except OSError as error:
            raise SourceError(f"{path}: can't be read: {error.strerror or error}. {USE_ANOTHER}") from error
    url = _require_http_url(source)
    target = archive_dir / _name_file(url, published)
    expected = published.sha256 if source == published.url else None
    try:
        make_folder(archive_dir)
        with hold_folder(archive_dir, refuse_to_wait):
            remove_leftovers(archive_dir)
            fetched = _accept(target, target, expected) if target.is_file() else None
            if fetched is None:
                part = _download(url, target, report)
                fetched = _accept(part, target, expected)
            if fetched is None:
                raise SourceError(
                    f"{_hide_secrets(url)}: not the published archive, which has {published.size} bytes with sha256 "
                    f"{published.sha256}. What came was kept beside {target}, its sha256 in its name. "
                    "Next: try again later; if you know that file and trust it, name its path with --archive."
                )
            return fetched
    except OSError as error:
        raise SourceError(
            f"{error.filename or archive_dir}: the archive can't be stored: {error.strerror or error}. Next: free "
            "space or change permissions there, then run it again: the download continues where it stopped."
        ) from error


def _require_http_url(source: str) -> httpx.URL:
    try:
        url = httpx.URL(source)
    except httpx.InvalidURL as error:
        raise SourceError(f"The archive's URL is not valid ({error}). {USE_ANOTHER}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise SourceError(f"{_hide_secrets(url)}: only http and https URLs can be downloaded. {USE_ANOTHER}")
    return url


def _hide_secrets(url: httpx.URL) -> str:
    """Return a URL without the parts that may be secret: user, password and query."""
    return str(url.copy_with(userinfo=b"", query=None))


def _name_file(url: httpx.URL, published: PublishedArchive) -> str:
    """Name the local file after the last part of the URL's path, and that of an URL of one's own after all of it."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", url.path.rpartition("/")[2]).lstrip(".")[:100] or "archive"
    return name if url == published.url else f"{_hash(str(url))}-{name}"


def _hash(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:12]


def _accept(path: Path, target: Path, expected: str | None) -> FetchedArchive | None:
    """Return `path` as the archive `target`; if its sha256 is not `expected`, set it aside and return None."""
    digest = compute_sha256(path)
    if expected not in (None, digest):
        move_all([(path, target.with_name(f"{target.name}.wrong-{digest}"))])
        return None
    if path != target:
        put_in_place(path, target)
    return FetchedArchive(target, digest)


def _download(url: httpx.URL, target: Path, report: Callable[[int], None]) -> Path:
    """Download `url` beside `target` and return the file; failed attempts are repeated from where they stopped."""
    received = most_received = failures = 0

    def show(size: int) -> None:
        nonlocal received
        report(size - received)
        received = size

    with httpx.Client(follow_redirects=True, timeout=TIMEOUT) as client:
        while True:
            try:
                return _attempt_download(client, url, target, show)
            except (httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
                raise SourceError(
                    f"{_hide_secrets(url)}: can't be downloaded ({error}). {USE_ANOTHER}"
                ) from error
            except (httpx.TransportError, httpx.DecodingError, _RetryableError) as error:
                failures += 1
                if received >= most_received + PROGRESS_BYTES:
                    most_received, failures = received, 1
                if failures >= ATTEMPTS:
                    raise SourceUnreachableError(
                        f"{_hide_secrets(url)}: gave up after {failures} attempts, the last one: "
                        f"{error or type(error).__name__}. What came is kept in {target.parent}. Next: run it "
                        "again, it continues from there; or download the file by other means and name its path with "
                        "--archive."
                    ) from error
                pause = max(FIRST_PAUSE * 2 ** (failures - 1), getattr(error, "wait", 0.0))
                jitter = 1 + random.random() / 2  # noqa: S311 - no secret
                time.sleep(min(pause, LONGEST_PAUSE) * jitter)


def _attempt_download(
    client: httpx.Client, url: httpx.URL, target: Path, show: Callable[[int], None]
) -> Path:
    """Download what is missing of the version of the file that the server has now, and return its path.

    A part is named after its version, so bytes of two versions can't be mixed. Raises `_RetryableError` or httpx's
    errors if a further attempt may help.
    """
    headers = {"Accept-Encoding": "identity"}  # offsets and sizes are those of the file
    with client.stream("GET", url, headers=headers) as whole:
        _require_file(url, whole)
        etag, total = whole.headers.get("ETag", "W/"), int(whole.headers.get("Content-Length", -1))
        if total > MAX_TOTAL_BYTES:
            raise _refuse_size(url)
        validator = whole.headers.get("Last-Modified") if etag.startswith("W/") else etag
        part = target.with_name(f"{target.name}.{_hash(url, validator, total)}.part")
        for other in set(target.parent.glob(f"{target.name}.*.part")) - {part}:
            other.unlink()
        start = part.stat().st_size if part.exists() else 0
        show(start)
        if start == 0:
            _receive(url, whole, part, show)
    if 0 < start != total:
        headers |= {"Range": f"bytes={start}-"} | ({"If-Range": validator} if validator else {})
        with client.stream("GET", url, headers=headers) as rest:
            if not rest.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                part.unlink()
                raise _RetryableError(f"the server can't continue after {start} bytes")
            _require_file(url, rest)
            _receive(url, rest, part, show)
    if total not in (-1, part.stat().st_size):
        part.unlink()
        raise _RetryableError(f"the server sent another number of bytes than the {total} that it announced")
    return part


def _require_file(url: httpx.URL, response: httpx.Response) -> None:
    status = response.status_code
    if status >= 500 or status in (408, 425, 429):
        raise _RetryableError(f"status {status}", response.headers.get("Retry-After", ""))
    if not response.is_success:
        raise SourceError(f"{_hide_secrets(url)}: answered {status} {response.reason_phrase}. {USE_ANOTHER}")


def _refuse_size(url: httpx.URL) -> SourceError:
    limit = MAX_TOTAL_BYTES // MEBIBYTE
    return SourceError(f"{_hide_secrets(url)}: is larger than the limit of {limit} MiB. {USE_ANOTHER}")


def _receive(url: httpx.URL, response: httpx.Response, part: Path, show: Callable[[int], None]) -> None:
    """Append the body of the response to `part`; what came before it breaks off stays there."""
    with part.open("ab") as file:
        try:
            for piece in response.iter_raw():
                if file.tell() == 0 and piece.lstrip()[:1] == b"<":
                    raise SourceError(
                        f"{_hide_secrets(url)}: sent a web page, not an archive. Next: open the URL in a browser (is "
                        "there a log-in or a proxy in between?), or download the file by other means and name its path "
                        "with --archive."
                    )
                file.write(piece)
                show(file.tell())
                if file.tell() > MAX_TOTAL_BYTES:
                    file.truncate(0)
                    raise _refuse_size(url)
        finally:
            file.flush()
            make_durable(part)
