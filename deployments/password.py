"""The password of the server that `reviews up` starts: made once, kept in the home, for its user's eyes alone.

It is handed on in environments only, which other users cannot read: never as an argument, which they can.
"""

import os
import secrets
import shlex
from pathlib import Path

from data_contracts.storage.durable import write_whole
from deployments.settings import Settings

RANDOM_BYTES = 32


def ensure_password(settings: Settings) -> str:
    """Give the password of the next server, and keep it: the settings' one, the one kept before, or a new one.

    One that others could read, whoever let them, is not used again.
    """
    path = password_file(settings)
    kept = find_password(settings) if _is_private(path) else None
    password = settings.password or kept or make_password()
    if password != kept:
        _write_private(path, password + "\n")
    return password


def make_password() -> str:
    """Make a password that nobody can guess, with the name that Prefect wants before it."""
    return f"reviews:{secrets.token_urlsafe(RANDOM_BYTES)}"


def find_password(settings: Settings) -> str | None:
    """Give the password of this home's server, None where none was made or it is not ours to read."""
    try:
        return password_file(settings).read_text("utf-8").strip() or None
    except OSError:
        return None


def write_client_file(settings: Settings) -> None:
    """Write what a shell reads so that `prefect` finds the server and its password."""
    kept = shlex.quote(str(password_file(settings)))
    lines = (
        "# For a shell, so that `prefect` finds the server of `reviews up`.",
        f"export PREFECT_API_URL={settings.api_url}",
        f'export PREFECT_API_AUTH_STRING="$(cat {kept})"',
    )
    _write_private(client_file(settings), "\n".join(lines) + "\n")


def password_file(settings: Settings) -> Path:
    """Name the file that holds the password and nothing else."""
    return settings.home.prefect / "password"


def client_file(settings: Settings) -> Path:
    """Name the file that a shell reads."""
    return settings.home.prefect / "client.env"


def _is_private(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return found.st_uid == os.getuid() and not found.st_mode & 0o077


def _write_private(path: Path, text: str) -> None:
    """Put a file in its place whole; at no moment can others read it."""
    with write_whole(path) as building:
        number = os.open(building, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "w", encoding="utf-8") as stream:
            stream.write(text)
