"""Brings the archive to this machine: a path is used where it lies, a URL is downloaded, resumed and checked.

Needs the network for URLs alone (HTTP, proxies as in the environment). In the archive folder, `<name>.part`
is a download under way, with `<name>.part.json` beside it; `<name>` is whole, with `<name>.json` beside it
where there is no published checksum; `<name>.wrong-<sha256>` is a file that was not what it should be.
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
from tasks.support.locking import hold_folder, refuse_to_wait

PROGRESS_BYTES = MEBIBYTE
"""What attempts must bring together to count as a success, after which a download has all of them again."""
USE_ANOTHER = "Next: name another archive with --archive (a path, or an http or https URL)."

_CONTENT_RANGE = re.compile(r"bytes ([0-9]+)-[0-9]+/([0-9]+|\*)")
_TRANSIENT_STATUS = {408, 425, 429}


@dataclass(frozen=True)
class FetchedArchive:
    """An archive that lies on this machine, whole."""

    path: Path
    sha256: str
    """Of its bytes, hex."""


@dataclass(frozen=True)
class RetryPolicy:
    """How long a download keeps trying; pauses and time-outs in seconds."""

    attempts: int = 8
    """Attempts in a row that bring nothing new, before it gives up."""
    first_pause: float = 1.0
    longest_pause: float = 60.0
    growth: float = 2.0
    jitter: float = 0.5
    """Share by which a pause is lengthened at random, at most."""
    timeout: float = 30.0
    """For the connection, and for each next piece of the body."""


class _BrokenOffError(Exception):
    """An attempt that may be repeated; `wait` is how long the server asked us to, in seconds."""

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
    """Bring `source`, a path or an http(s) URL, to this machine; a path is used where it lies.

    A file that is already in `archive_dir` and whose checksum fits is not downloaded again: the published one
    for the published URL, for another URL that of its last download. `report` gets the bytes that came in
    since its last call, those of an earlier break at once; fewer than 0 where a download begins anew.
    Raises `SourceError`, with the next step, if the source can't be had or is not what was published.
    """
    if "://" not in source:
        return _use_where_it_lies(Path(source).expanduser())
    _require_address(source)
    target = archive_dir / _name_file(source)
    try:
        make_folder(archive_dir)
        with hold_folder(archive_dir, refuse_to_wait):
            remove_leftovers(archive_dir)
            fetched = _find_whole(source, target, published)
            if fetched is None:
                _download(source, _part_of(target), report, policy or RetryPolicy())
                fetched = _keep_whole(source, target, published)
            return fetched
    except OSError as error:
        reason = error.strerror or str(error)
        raise SourceError(
            f"{error.filename or archive_dir}: the archive can't be stored: {reason}. Next: see to space and "
            "permissions there, then run it again: it goes on where it stopped."
        ) from error


def _use_where_it_lies(path: Path) -> FetchedArchive:
    try:
        if not path.is_file():
            what = "it is no file" if path.exists() else "there is no such file"
            raise SourceError(f"{path}: {what}. {USE_ANOTHER}")
        digest = _hash_file(path)
    except OSError as error:
        raise SourceError(f"{path}: can't be read: {error.strerror or error}. {USE_ANOTHER}") from error
    return FetchedArchive(path, digest)


def _require_address(url: str) -> None:
    try:
        parts = httpx.URL(url)
        urlsplit(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise SourceError(f"This is no address that can be read ({error}). {USE_ANOTHER}") from error
    if parts.scheme not in ("http", "https") or not parts.host:
        raise SourceError(f"{_show(url)}: only http and https addresses can be fetched. {USE_ANOTHER}")


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _name_file(url: str) -> str:
    """Name the file after the last part of the URL's path, in characters that every file system takes."""
    last = unquote(urlsplit(url).path).rpartition("/")[2]
    return re.sub(r"[^A-Za-z0-9._-]", "_", last).lstrip(".")[:100] or "archive"


def _show(url: str) -> str:
    """Write a URL without what may be secret: user, password and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _hash_url(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()


def _part_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


# What is already there, and what becomes of a download


def _find_whole(url: str, target: Path, published: PublishedArchive) -> FetchedArchive | None:
    """Give the file of an earlier download if its checksum fits; set a stranger's aside."""
    if not target.is_file():
        return None
    digest = _hash_file(target)
    noted = _read_json(_beside(target)).get(_hash_url(url))
    if digest == (published.sha256 if url == published.url else noted):
        return FetchedArchive(target, digest)
    if url == published.url:
        _set_aside(target, target, digest)
    return None


def _keep_whole(url: str, target: Path, published: PublishedArchive) -> FetchedArchive:
    """Put a finished download in place, or set it aside if it is not what was published."""
    part = _part_of(target)
    digest, size = _hash_file(part), part.stat().st_size
    _beside(part).unlink(missing_ok=True)
    if url == published.url and digest != published.sha256:
        aside = _set_aside(part, target, digest)
        raise SourceError(
            f"{_show(url)}: not the published archive: {size} bytes with sha256 {digest} came in, "
            f"not {published.size} bytes with sha256 {published.sha256}. It was set aside as {aside}. "
            "Next: try again later; if you know that file and trust it, name its path with --archive."
        )
    put_in_place(part, target)
    if url != published.url:
        _write_json(_beside(target), {_hash_url(url): digest})
    return FetchedArchive(target, digest)


def _set_aside(path: Path, target: Path, digest: str) -> Path:
    aside = target.with_name(f"{target.name}.wrong-{digest[:12]}")
    move_all([(path, aside)])
    return aside


def _read_json(path: Path) -> dict[str, Any]:
    """Read one of our notes; {} where there is none, or none that can be read."""
    try:
        note = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _write_json(path: Path, note: dict[str, Any]) -> None:
    with write_whole(path) as building:
        building.write_text(json.dumps(note))


# The download: attempts, and what one attempt does


def _download(url: str, part: Path, report: Callable[[int], None], policy: RetryPolicy) -> None:
    """Bring `part` to its full size, in as many attempts as it takes while they bring something new."""
    report(_measure(part))
    mark, failures = _measure(part), 0
    with httpx.Client(follow_redirects=True, timeout=policy.timeout) as client:
        while True:
            try:
                return _attempt(client, url, part, report)
            except httpx.UnsupportedProtocol as error:
                raise SourceError(
                    f"{_show(url)}: leads to an address of another kind. {USE_ANOTHER}"
                ) from error
            except (httpx.TransportError, _BrokenOffError) as error:
                if _measure(part) >= mark + PROGRESS_BYTES:
                    mark, failures = _measure(part), 0
                failures += 1
                if failures >= policy.attempts:
                    raise _give_up(url, part, failures, error) from error
                time.sleep(_choose_pause(failures, error, policy))
            except httpx.RequestError as error:
                raise SourceError(f"{_show(url)}: can't be fetched ({error}). {USE_ANOTHER}") from error


def _give_up(url: str, part: Path, failures: int, error: Exception) -> SourceUnreachableError:
    reason = str(error) or type(error).__name__
    return SourceUnreachableError(
        f"{_show(url)}: gave up after {failures} attempts, the last one: {reason}. "
        f"{_measure(part)} bytes are kept in {part}. Next: run it again, it goes on from there; or fetch the "
        "file by other means and name its path with --archive."
    )


def _choose_pause(failures: int, error: Exception, policy: RetryPolicy) -> float:
    """Give the seconds to wait: longer each time, never the same for two clients, as long as asked for."""
    grown = policy.first_pause * policy.growth ** (failures - 1)
    asked = error.wait if isinstance(error, _BrokenOffError) else 0.0
    jitter = 1 + policy.jitter * random.random()  # noqa: S311 - no secret
    return min(max(grown, asked), policy.longest_pause) * jitter


def _attempt(client: httpx.Client, url: str, part: Path, report: Callable[[int], None]) -> None:
    """Fetch what `part` lacks; raises `_BrokenOffError` or httpx's errors where it may be tried again."""
    note = _read_json(_beside(part))
    if note.get("url_sha256") != _hash_url(url):
        _discard(part, report)
        note = {}
    offset = _measure(part)
    if offset and offset == note.get("total"):
        return
    with client.stream("GET", url, headers=_ask_from(offset, note.get("validator"))) as response:
        _require_file(url, response)
        if response.status_code == 200:
            _begin_anew(url, part, response, report)
            _receive(url, part, response, report, _read_length(response))
        elif _continues(response, offset, note):
            _receive(url, part, response, report, note.get("total"))
        else:
            _discard(part, report)
            raise _BrokenOffError(f"its {offset} bytes can't be gone on from (status {response.status_code})")


def _ask_from(offset: int, validator: str | None) -> dict[str, str]:
    """Give the request's headers; the file's bytes are wanted as they lie on the server."""
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if validator:
            headers["If-Range"] = validator
    return headers


def _require_file(url: str, response: httpx.Response) -> None:
    """Pass answers that an attempt can work with: a file, a part of it, or that there is no such part."""
    status = response.status_code
    if status >= 500 or status in _TRANSIENT_STATUS:
        wait = response.headers.get("Retry-After", "")
        raise _BrokenOffError(f"status {status}", float(wait) if wait.isdecimal() else 0.0)
    if status not in (200, 206, 416):
        raise SourceError(f"{_show(url)}: answered {status} {response.reason_phrase}. {USE_ANOTHER}")
    if status != 416 and response.headers.get("Content-Type", "").startswith("text/html"):
        raise _refuse_page(url)


def _refuse_page(url: str) -> SourceError:
    return SourceError(
        f"{_show(url)}: sent a web page, not an archive. Next: open the address in a browser (is there a "
        "log-in or a proxy in between?), or fetch the file by other means and name its path with --archive."
    )


def _continues(response: httpx.Response, offset: int, note: dict[str, Any]) -> bool:
    """Tell whether the answer is the rest of the same file."""
    answered = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status_code != 206 or offset == 0 or answered is None or int(answered[1]) != offset:
        return False
    same_size = answered[2] == "*" or int(answered[2]) == note.get("total")
    validator = _read_validator(response)
    return same_size and (validator is None or validator == note.get("validator"))


def _read_validator(response: httpx.Response) -> str | None:
    """Give what tells this file from a later one: a strong ETag, else the date of its last change."""
    etag: str | None = response.headers.get("ETag")
    return response.headers.get("Last-Modified") if etag is None or etag.startswith("W/") else etag


def _read_length(response: httpx.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _begin_anew(url: str, part: Path, response: httpx.Response, report: Callable[[int], None]) -> None:
    total = _read_length(response)
    if total is not None and total > MAX_TOTAL_BYTES:
        raise _refuse_size(url, total)
    # The note must never be about other bytes than those in the file: first empty that.
    _discard(part, report)
    part.touch()
    note = {
        "url_sha256": _hash_url(url),
        "validator": _read_validator(response),
        "total": total,
    }
    _write_json(_beside(part), note)


def _discard(part: Path, report: Callable[[int], None]) -> None:
    report(-_measure(part))
    part.unlink(missing_ok=True)
    _beside(part).unlink(missing_ok=True)


def _receive(
    url: str, part: Path, response: httpx.Response, report: Callable[[int], None], total: int | None
) -> None:
    """Append the body to `part`, which is to have `total` bytes then."""
    size = _measure(part)
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
        _discard(part, report)
        raise _refuse_size(url, size)
    if total is not None and size > total:
        _discard(part, report)
        raise _BrokenOffError(f"it sent more than the {total} bytes that it promised")
    if total is not None and size < total:
        raise _BrokenOffError(f"it ended after {size} of {total} bytes")


def _refuse_size(url: str, size: int) -> SourceError:
    limit = MAX_TOTAL_BYTES // MEBIBYTE
    return SourceError(f"{_show(url)}: {size} bytes and more, the limit is {limit} MiB. {USE_ANOTHER}")


def _measure(path: Path) -> int:
    """Give a file's size in bytes, 0 where there is none."""
    return path.stat().st_size if path.exists() else 0
