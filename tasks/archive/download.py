"""Provides the archive as a local file: a path is used in place, a URL is downloaded and its checksum checked.

Only URLs need the network (HTTP; proxies come from the environment). An interrupted download is resumed. Files in the
archive folder:

- `<name>.part` is an unfinished download; `<name>.part.json` holds its size and the server's validator.
- `<name>` is a complete download. `<name>.json` holds its sha256, unless the archive has a published checksum.
- `<name>.wrong-<sha256>` is a file from the published URL whose checksum is not the published one.
"""

import hashlib
import json
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from data_contracts.archive import MAX_TOTAL_BYTES, MEBIBYTE, PUBLISHED, PublishedArchive
from data_contracts.errors import SourceError, SourceUnreachableError
from data_contracts.storage.durable import (
    make_durable,
    make_folder,
    move_all,
    put_in_place,
    remove_leftovers,
    write_whole,
)
from tasks.support.checksums import compute_sha256
from tasks.support.locking import hold_folder, refuse_to_wait

PROGRESS_BYTES = MEBIBYTE
"""Bytes that must arrive, over one or more attempts, before the count of failed attempts starts at 0 again."""
USE_ANOTHER = "Next: name another archive with --archive (a path, or an http or https URL)."

_CONTENT_RANGE = re.compile(r"bytes ([0-9]+)-[0-9]+/([0-9]+|\*)")
_TRANSIENT_STATUS = {408, 425, 429}


@dataclass(frozen=True)
class FetchedArchive:
    """A complete archive on this machine, downloaded or named by its path."""

    path: Path
    sha256: str
    """Hex digest of the file's bytes."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often a download is retried; pauses and time-outs are in seconds."""

    attempts: int = 8
    """Failed attempts, with less than `PROGRESS_BYTES` received in all, after which the download gives up."""
    first_pause: float = 1.0
    longest_pause: float = 60.0
    growth: float = 2.0
    jitter: float = 0.5
    """Each pause is lengthened by a random share of itself, at most this one."""
    timeout: float = 30.0
    """Time-out of the connection, and of each read of the response body."""


class _RetryableError(Exception):
    """A failed attempt to download that may be repeated; `wait` is the pause in seconds that the server asked for."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


def fetch_archive(
    source: str,
    archive_dir: Path,
    report: Callable[[int], None] = lambda amount: None,
    *,
    published: PublishedArchive = PUBLISHED,
    policy: RetryPolicy | None = None,
) -> FetchedArchive:
    """Return `source`, a path or an http(s) URL, as a local file; download a URL into `archive_dir`.

    A complete file in `archive_dir` is not downloaded again if its sha256 is the expected one: the published sha256 for
    the published URL, that of the last download for any other URL. `report` is called with the number of bytes received
    since its last call: first with those of an earlier, interrupted download; with a negative number when received
    bytes are discarded. Raises `SourceError` if the source can't be read or is not the published archive.
    """
    if "://" not in source:
        return _use_local_file(Path(source).expanduser())
    _require_http_url(source)
    target = archive_dir / _name_file(source)
    try:
        make_folder(archive_dir)
        with hold_folder(archive_dir, refuse_to_wait):
            remove_leftovers(archive_dir)
            fetched = _find_complete(source, target, published)
            if fetched is None:
                _download(source, _name_unfinished_download(target), report, policy or RetryPolicy())
                fetched = _accept_download(source, target, published)
            return fetched
    except OSError as error:
        reason = error.strerror or str(error)
        raise SourceError(
            f"{error.filename or archive_dir}: the archive can't be stored: {reason}. Next: free space or change "
            "permissions there, then run it again: the download continues where it stopped."
        ) from error


def _use_local_file(path: Path) -> FetchedArchive:
    try:
        if not path.is_file():
            reason = "it is no file" if path.exists() else "there is no such file"
            raise SourceError(f"{path}: {reason}. {USE_ANOTHER}")
        digest = compute_sha256(path)
    except OSError as error:
        raise SourceError(f"{path}: can't be read: {error.strerror or error}. {USE_ANOTHER}") from error
    return FetchedArchive(path, digest)


def _require_http_url(url: str) -> None:
    try:
        parts = httpx.URL(url)
        urlsplit(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise SourceError(f"The archive's URL is not valid ({error}). {USE_ANOTHER}") from error
    if parts.scheme not in ("http", "https") or not parts.host:
        raise SourceError(f"{_strip_secrets(url)}: only http and https URLs can be downloaded. {USE_ANOTHER}")


def _name_file(url: str) -> str:
    """Name the local file after the last part of the URL's path, in characters that every file system allows."""
    last = unquote(urlsplit(url).path).rpartition("/")[2]
    return re.sub(r"[^A-Za-z0-9._-]", "_", last).lstrip(".")[:100] or "archive"


def _strip_secrets(url: str) -> str:
    """Return a URL without the parts that may be secret: user, password and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _hash_url(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()


def _name_unfinished_download(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def _name_download_note(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


# Complete files: those of earlier downloads, and the one just downloaded


def _find_complete(url: str, target: Path, published: PublishedArchive) -> FetchedArchive | None:
    """Return the file of an earlier download if its sha256 is the expected one, else None.

    A wrong file under the name of the published archive is renamed.
    """
    if not target.is_file():
        return None
    digest = compute_sha256(target)
    last_digest = _read_download_note(_name_download_note(target)).get(_hash_url(url))
    if digest == (published.sha256 if url == published.url else last_digest):
        return FetchedArchive(target, digest)
    if url == published.url:
        _rename_wrong(target, target, digest)
    return None


def _accept_download(url: str, target: Path, published: PublishedArchive) -> FetchedArchive:
    """Move a finished download to `target`; raise `SourceError` if it should be the published archive and is not."""
    part = _name_unfinished_download(target)
    digest, size = compute_sha256(part), part.stat().st_size
    _name_download_note(part).unlink(missing_ok=True)
    if url == published.url and digest != published.sha256:
        wrong = _rename_wrong(part, target, digest)
        raise SourceError(
            f"{_strip_secrets(url)}: not the published archive: received {size} bytes with sha256 {digest}, "
            f"not {published.size} bytes with sha256 {published.sha256}. The file was kept as {wrong}. "
            "Next: try again later; if you know that file and trust it, name its path with --archive."
        )
    put_in_place(part, target)
    if url != published.url:
        _write_download_note(_name_download_note(target), {_hash_url(url): digest})
    return FetchedArchive(target, digest)


def _rename_wrong(path: Path, target: Path, digest: str) -> Path:
    wrong = target.with_name(f"{target.name}.wrong-{digest[:12]}")
    move_all([(path, wrong)])
    return wrong


def _read_download_note(path: Path) -> dict[str, Any]:
    """Read the note of a download, a JSON object beside the archive; return {} if it is missing or unreadable."""
    try:
        note = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _write_download_note(path: Path, note: dict[str, Any]) -> None:
    with write_whole(path) as building:
        building.write_text(json.dumps(note))


# The download: one attempt after another


def _download(url: str, part: Path, report: Callable[[int], None], policy: RetryPolicy) -> None:
    """Download `url` into `part`; retry failed attempts as `policy` allows, each from where the last one stopped."""
    report(_measure_part(part))
    size_before, failures = _measure_part(part), 0
    with httpx.Client(follow_redirects=True, timeout=policy.timeout) as client:
        while True:
            try:
                return _attempt_download(client, url, part, report)
            except httpx.UnsupportedProtocol as error:
                raise SourceError(
                    f"{_strip_secrets(url)}: redirects to a URL that is not http or https. {USE_ANOTHER}"
                ) from error
            except (httpx.TransportError, _RetryableError) as error:
                if _measure_part(part) >= size_before + PROGRESS_BYTES:
                    size_before, failures = _measure_part(part), 0
                failures += 1
                if failures >= policy.attempts:
                    raise _give_up(url, part, failures, error) from error
                time.sleep(_choose_pause(failures, error, policy))
            except httpx.RequestError as error:
                raise SourceError(
                    f"{_strip_secrets(url)}: can't be downloaded ({error}). {USE_ANOTHER}"
                ) from error


def _give_up(url: str, part: Path, failures: int, error: Exception) -> SourceUnreachableError:
    reason = str(error) or type(error).__name__
    return SourceUnreachableError(
        f"{_strip_secrets(url)}: gave up after {failures} attempts, the last one: {reason}. "
        f"{_measure_part(part)} bytes are kept in {part}. Next: run it again, it continues from there; or download "
        "the file by other means and name its path with --archive."
    )


def _choose_pause(failures: int, error: Exception, policy: RetryPolicy) -> float:
    """Return the seconds to wait before the next attempt to download.

    The pause grows with each failure, is at least what the server asked for, at most `policy.longest_pause`, and gets
    a random addition so that clients do not retry at the same moment.
    """
    grown = policy.first_pause * policy.growth ** (failures - 1)
    requested = error.wait if isinstance(error, _RetryableError) else 0.0
    jitter = 1 + policy.jitter * random.random()  # noqa: S311 - no secret
    return min(max(grown, requested), policy.longest_pause) * jitter


def _attempt_download(client: httpx.Client, url: str, part: Path, report: Callable[[int], None]) -> None:
    """Download the bytes that `part` lacks; raises `_RetryableError` or httpx's errors if a retry may help."""
    note = _read_download_note(_name_download_note(part))
    if note.get("url_sha256") != _hash_url(url):
        _discard_download(part, report)
        note = {}
    offset = _measure_part(part)
    if offset and offset == note.get("total"):
        return
    with client.stream("GET", url, headers=_make_headers(offset, note.get("validator"))) as response:
        _require_usable_response(url, response)
        if response.status_code == 200:
            _restart_download(url, part, response, report)
            _receive_download(url, part, response, report, _read_length(response))
        elif _is_continuation(response, offset, note):
            _receive_download(url, part, response, report, note.get("total"))
        else:
            _discard_download(part, report)
            raise _RetryableError(
                f"the server can't continue after {offset} bytes (status {response.status_code})"
            )


def _make_headers(offset: int, validator: str | None) -> dict[str, str]:
    """Return the headers of a request for the file's bytes from `offset` on, if the file is still the same."""
    headers = {
        "Accept-Encoding": "identity"
    }  # the server must not compress: offsets and sizes are the file's
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if validator:
            headers["If-Range"] = validator
    return headers


def _require_usable_response(url: str, response: httpx.Response) -> None:
    """Raise an error unless the response is a file (200), a part of it (206) or 'no such part' (416)."""
    status = response.status_code
    if status >= 500 or status in _TRANSIENT_STATUS:
        wait = response.headers.get("Retry-After", "")
        raise _RetryableError(f"status {status}", float(wait) if wait.isdecimal() else 0.0)
    if status not in (200, 206, 416):
        raise SourceError(f"{_strip_secrets(url)}: answered {status} {response.reason_phrase}. {USE_ANOTHER}")
    if status != 416 and response.headers.get("Content-Type", "").startswith("text/html"):
        raise _refuse_page(url)


def _refuse_page(url: str) -> SourceError:
    return SourceError(
        f"{_strip_secrets(url)}: sent a web page, not an archive. Next: open the URL in a browser (is there a "
        "log-in or a proxy in between?), or download the file by other means and name its path with --archive."
    )


def _is_continuation(response: httpx.Response, offset: int, note: dict[str, Any]) -> bool:
    """Return whether the response is the rest, from `offset` on, of the file that `note` describes."""
    content_range = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status_code != 206 or offset == 0 or content_range is None or int(content_range[1]) != offset:
        return False
    same_size = content_range[2] == "*" or int(content_range[2]) == note.get("total")
    validator = _read_validator(response)
    return same_size and (validator is None or validator == note.get("validator"))


def _read_validator(response: httpx.Response) -> str | None:
    """Return what changes when the file on the server does: a strong ETag, else the Last-Modified date."""
    etag: str | None = response.headers.get("ETag")
    return response.headers.get("Last-Modified") if etag is None or etag.startswith("W/") else etag


def _read_length(response: httpx.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _restart_download(url: str, part: Path, response: httpx.Response, report: Callable[[int], None]) -> None:
    """Empty `part` and write its note: the URL's hash, the validator and the total size of the new download."""
    total = _read_length(response)
    if total is not None and total > MAX_TOTAL_BYTES:
        raise _refuse_size(url, total)
    # Before the note is written: a note must never describe other bytes than those in the file.
    _discard_download(part, report)
    part.touch()
    note = {
        "url_sha256": _hash_url(url),
        "validator": _read_validator(response),
        "total": total,
    }
    _write_download_note(_name_download_note(part), note)


def _discard_download(part: Path, report: Callable[[int], None]) -> None:
    report(-_measure_part(part))
    part.unlink(missing_ok=True)
    _name_download_note(part).unlink(missing_ok=True)


def _receive_download(
    url: str, part: Path, response: httpx.Response, report: Callable[[int], None], total: int | None
) -> None:
    """Append the response body to `part`; raise an error unless `part` then has `total` bytes (None: not known)."""
    size = _measure_part(part)
    with part.open("ab") as file:
        for piece in response.iter_raw():
            if size == 0 and piece.lstrip()[:1] == b"<":
                raise _refuse_page(url)
            file.write(piece)
            size += len(piece)
            report(len(piece))
            if size > (MAX_TOTAL_BYTES if total is None else total):
                break
    make_durable(part)
    if size > MAX_TOTAL_BYTES:
        _discard_download(part, report)
        raise _refuse_size(url, size)
    if total is not None and size > total:
        _discard_download(part, report)
        raise _RetryableError(f"the server sent more than the {total} bytes that it announced")
    if total is not None and size < total:
        raise _RetryableError(f"the response ended after {size} of {total} bytes")


def _refuse_size(url: str, size: int) -> SourceError:
    limit = MAX_TOTAL_BYTES // MEBIBYTE
    return SourceError(
        f"{_strip_secrets(url)}: {size} bytes or more, the limit is {limit} MiB. {USE_ANOTHER}"
    )


def _measure_part(path: Path) -> int:
    """Return the size in bytes of a download so far, 0 if it has no file."""
    return path.stat().st_size if path.exists() else 0
