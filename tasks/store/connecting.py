"""Opens object stores, and turns the errors of their client into ours.

The client is obstore, of the extra `scale`. It reads credentials, regions and endpoints from the variables of each
provider, such as AWS_ACCESS_KEY_ID, and retries what may pass: throttling, errors of the server, lost connections.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from data_contracts.errors import (
    ObjectChangedError,
    ObjectMissingError,
    ObjectNameError,
    StoreError,
    StoreUnreachableError,
)
from data_contracts.storage.store_uris import parse_store_uri
from tasks.support.extras import describe_missing

MOST_RETRIES = 6
RETRY_SECONDS = 40
"""Within how long a failed request is sent again."""
CONNECT_SECONDS = 5
SILENT_SECONDS = 30
"""How long a store may send nothing before the request is sent again."""
_LONGEST_REQUEST = timedelta(hours=12)
"""Of a large object on a slow line: what matters is that bytes keep coming."""
_STATUS = re.compile(r"status code: (?P<status>\d{3})")
_CODE = re.compile(r"<Code>(?P<code>\w+)</Code>")
_NO_FOLDER = "UnableToCanonicalize"
_ROLES = ("169.254.169.254", "metadata.google.internal")
"""Where the client asks for the role of the machine if the environment has no credentials."""
_REFUSED = {"401", "403"}
_READ_ONLY = re.compile(r"os error (13|30)\b")
"""What the client says of a folder into which nothing may be written."""
_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION",
    "gs": "GOOGLE_SERVICE_ACCOUNT",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
    "file": "the rights of your account",
}


@dataclass(frozen=True)
class Store:
    """A place in an object store, under which objects have names such as `inbox/shop-a/monday.csv`."""

    uri: str
    """Without a slash at its end."""
    client: Any

    def name(self, key: str) -> str:
        """Return the URI of an object."""
        return f"{self.uri}/{key}"


def open_store(uri: str) -> Store:
    """Return the store at a URI. Nothing is sent yet. Raises `UsageError` or, without obstore, `StoreError`."""
    uri = parse_store_uri(uri)
    try:
        from obstore.exceptions import BaseError
        from obstore.store import LocalStore, from_url
    except ImportError:
        raise StoreError(f"{uri}: stores need {describe_missing('scale')}") from None
    try:
        if uri.startswith("file://"):
            return Store(uri, LocalStore(uri.removeprefix("file://"), automatic_cleanup=True))
        options: Any = {
            "client_options": {
                "allow_http": True,  # only for an endpoint that says http://; without one it is https
                "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
                "read_timeout": timedelta(seconds=SILENT_SECONDS),
                "timeout": _LONGEST_REQUEST,
            },
            "retry_config": {
                "max_retries": MOST_RETRIES,
                "retry_timeout": timedelta(seconds=RETRY_SECONDS),
            },
        }
        return Store(uri, from_url(uri, **options))
    except (BaseError, ValueError, OSError) as error:
        if _NO_FOLDER in str(error):
            raise describe_error(uri, error) from None
        raise StoreError(f"{uri}: can't be opened ({_shorten(error)}). {_advise(uri)}") from None


@contextmanager
def naming_errors(uri: str) -> Iterator[None]:
    """Turn what the client raises in the block into our errors, which name the object or store `uri`."""
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, FileNotFoundError, ValueError, OSError) as error:
        raise describe_error(uri, error) from None


def describe_error(uri: str, error: Exception) -> StoreError:
    """Return our error for one that the client raised."""
    from obstore import exceptions as raised

    text = str(error)
    status, code = _find(_STATUS, text), _find(_CODE, text)
    if code == "NoSuchBucket" or _NO_FOLDER in text:
        return StoreError(f"{uri}: there is no such bucket or folder. Next: create it, or correct the URI.")
    if isinstance(error, raised.PermissionDeniedError | raised.UnauthenticatedError | PermissionError) or (
        status in _REFUSED or _READ_ONLY.search(text)
    ):
        return StoreError(f"{uri}: access is refused ({code or status or 'no permission'}). {_advise(uri)}")
    if any(address in text for address in _ROLES):
        return StoreError(f"{uri}: no credentials were found. {_advise(uri)}")
    if isinstance(error, raised.PreconditionError | raised.NotModifiedError):
        return ObjectChangedError(f"{uri}: has changed meanwhile. Next: try again.")
    if isinstance(error, FileNotFoundError):
        return ObjectMissingError(f"{uri}: is not there. Next: check its name.")
    if isinstance(error, raised.InvalidPathError | ValueError):
        return ObjectNameError(
            f"{uri}: has an object whose name can't be read ({_shorten(error)}). Next: rename or delete that object."
        )
    reason = code or (f"status {status}" if status else _shorten(error))
    if uri.startswith("file:"):
        return StoreUnreachableError(
            f"{uri}: can't be used ({reason}). Next: see that its disk is there, and has room."
        )
    return StoreUnreachableError(
        f"{uri}: the store does not answer as it should ({reason}). Next: check the network and its endpoint."
    )


def _find(pattern: re.Pattern[str], text: str) -> str | None:
    """Return the first match of the only group of a pattern."""
    found = pattern.search(text)
    return found[1] if found else None


def _shorten(error: Exception) -> str:
    """Return the end of the first line of an error's text: what is before names requests, and may have signed URLs."""
    line = str(error).partition("\n")[0]
    return ascii(line.rpartition(" - ")[2][:150])[1:-1] or type(error).__name__


def _advise(uri: str) -> str:
    """Return the next step where a store can't be opened or refuses access."""
    scheme = uri.partition("://")[0]
    return f"Next: check {_CREDENTIALS[scheme]} in the environment, and what they may read and write there."
