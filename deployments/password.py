"""The password of the server that `reviews up` starts: generated once, kept in a file that only its user can read.

It is passed to processes in the environment, which other users cannot read, and never as an argument, which they can.
"""

import os
import secrets
import shlex
from pathlib import Path

from data_contracts.storage.durable import write_whole
from deployments.settings import Settings

RANDOM_BYTES = 32


def ensure_password(settings: Settings) -> str:
    """Return the password for a new server and keep it: the one in the settings, the kept one, or a new one.

    A kept password is not used again if other users could read its file.
    """
    path = password_file(settings)
    kept = find_password(settings) if _is_private_file(path) else None
    password = settings.password or kept or make_password()
    if password != kept:
        _write_private_file(path, password + "\n")
    return password


def make_password() -> str:
    """Return a random password, with the user name that Prefect requires before it."""
    return f"reviews:{secrets.token_urlsafe(RANDOM_BYTES)}"


def find_password(settings: Settings) -> str | None:
    """Return the password of this home's server, None if there is none or this user may not read it."""
    try:
        return password_file(settings).read_text("utf-8").strip() or None
    except OSError:
        return None


def is_of_another_user(settings: Settings) -> bool:
    """Return whether this home's server has a password that this user may not read."""
    path = password_file(settings)
    return path.exists() and not os.access(path, os.R_OK)


def write_client_file(settings: Settings) -> None:
    """Write the file for a shell to read, so that the `prefect` command finds the server and its password."""
    kept = shlex.quote(str(password_file(settings)))
    lines = (
        "# Read this file in a shell, so that `prefect` finds the server of `reviews up`.",
        f"export PREFECT_API_URL={settings.api_url}",
        f'export PREFECT_API_AUTH_STRING="$(cat {kept})"',
    )
    _write_private_file(client_file(settings), "\n".join(lines) + "\n")


def password_file(settings: Settings) -> Path:
    """Return the path of the file that holds only the password."""
    return settings.home.prefect / "password"


def client_file(settings: Settings) -> Path:
    """Return the path of the file for a shell to read."""
    return settings.home.prefect / "client.env"


def _is_private_file(path: Path) -> bool:
    """Return whether only this user can read the file of the password."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return status.st_uid == os.getuid() and not status.st_mode & 0o077


def _write_private_file(path: Path, text: str) -> None:
    """Write the file of the password, or the one for a shell, durably; other users can't read it at any moment."""
    with write_whole(path) as building:
        number = os.open(building, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "w", encoding="utf-8") as stream:
            stream.write(text)
