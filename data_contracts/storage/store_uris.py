"""The URIs of object stores and of the objects in them, and the address of the workers that score these."""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from data_contracts.errors import UsageError
from data_contracts.storage.home import LABELS

SCHEMES = ("s3", "gs", "az", "file")
_FILE = "file://"
INBOX = "inbox"
"""The folder of a store in which new review files arrive."""
LABELS_IN_STORE = f"{INBOX}/{LABELS}"
"""The folder of a store in which labels by people arrive."""
_IN_INBOX = re.compile(rf"(?:{'|'.join(SCHEMES)})://[^/]*/(?:.*?/)??{INBOX}/(?P<name>.*)", re.DOTALL)
_BEGINNING = re.compile(rf"(?:{'|'.join(SCHEMES)}):/", re.IGNORECASE)
_WORKERS = re.compile(r"(?:tcp|tls)://(?:[\w.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}|local:[1-9]\d{0,2}")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")


def is_store_uri(text: str) -> bool:
    """Return whether a text is meant as the URI of a store, also one such as `file:/x`, rather than as a path."""
    return "://" in text or bool(_BEGINNING.match(text))


def parse_store_uri(text: str) -> str:
    """Return the URI of a store without a slash at its end; raise `UsageError` if it is none.

    The message repeats nothing of a URI that may hold a password.
    """
    if "@" in text or "?" in text or "#" in text:
        raise UsageError(
            "a store is a plain URI, such as s3://bucket/prefix: without a user, a password or options. Next: give "
            "credentials by the variables of its provider, such as AWS_ACCESS_KEY_ID."
        )
    parts = urlsplit(text)
    folders = parts.path.rstrip("/").split("/")[1:]
    is_whole = text.startswith(tuple(f"{scheme}://" for scheme in SCHEMES))
    # A bucket or, of the file system, an absolute folder other than the root.
    has_place = bool(_BUCKET.fullmatch(parts.netloc))
    if parts.scheme == "file":
        has_place = not parts.netloc and bool(parts.path.strip("/"))
    if not (is_whole and has_place):
        raise UsageError(
            f"{text[:80]!r} is no store. Next: give a URI such as s3://bucket/prefix, gs://bucket/prefix, "
            "az://container/prefix or file:///mnt/share/reviews."
        )
    if {"", ".", ".."}.intersection(folders):
        raise UsageError(f"{text[:80]!r} has an empty folder, `.` or `..`. Next: leave it out.")
    return text.rstrip("/")


def name_by_uri(path: str, store: str | None) -> str:
    """Return the URI of a file or folder in the inbox of a store that is a folder; of others the path.

    `path` is absolute, and may lead into the inbox through links and `..`. By its URI runs know what lies there.
    """
    if store is None or not store.startswith(_FILE):
        return path
    inbox = f"{store.removeprefix(_FILE)}/{INBOX}"
    if f"{path}/".startswith(f"{inbox}/") and ".." not in path.split("/"):
        return f"{_FILE}{path}"
    place, real_inbox = Path(path), os.path.realpath(inbox)
    # A link that is the file itself is kept.
    real = os.path.realpath(path) if place.is_dir() else f"{os.path.realpath(place.parent)}/{place.name}"
    is_inside = f"{real}/".startswith(f"{real_inbox}/")
    return f"{_FILE}{inbox}{real.removeprefix(real_inbox)}" if is_inside else path


def name_in_inbox(uri: str) -> str:
    """Return the name of a source file within its inbox: of an object the name after `inbox/`, else the uri itself."""
    found = _IN_INBOX.fullmatch(uri)
    return found["name"] if found else uri


def parse_inbox_store(text: str) -> str:
    """Return the URI of a store; raise `UsageError` if it is none, or one of its folders has the name of the inbox.

    From the URI of an object it would not be clear then where the inbox begins, and so of which source it is.
    """
    uri = parse_store_uri(text)
    if INBOX in urlsplit(uri).path.split("/"):
        raise UsageError(
            f"{uri[:80]!r}: no folder above the inbox may be called `{INBOX}`. Next: name the folder that contains "
            f"`{INBOX}/`, or use another prefix."
        )
    return uri


def parse_workers(text: str) -> str:
    """Return the address of a scheduler, or `local:N` for as many workers here; raise `UsageError` if it is neither."""
    if not _WORKERS.fullmatch(text):
        raise UsageError(
            f"{text[:80]!r} is neither the address of a scheduler, such as tcp://10.0.0.5:8786, nor a number of "
            "workers of this machine, such as local:4."
        )
    return text
