"""Reads secrets from files of their own, whose paths are in variables, as container platforms give them."""

from collections.abc import Collection, Mapping
from pathlib import Path

from data_contracts.errors import UsageError

MOST_BYTES = 10_000


def read_secret_files(values: Mapping[str, str], secrets: Collection[str]) -> dict[str, str]:
    """Return variables with the values of those `secrets` whose files are named by `NAME_FILE`.

    Raises `UsageError` if a secret is also set by itself, or if its file can't be read.
    """
    found = dict(values)
    for name in secrets:
        if path := values.get(f"{name}_FILE", "").strip():
            if values.get(name):
                raise UsageError(f"{name} and {name}_FILE are both set. Next: unset one of them.")
            found[name] = _read_secret(f"{name}_FILE", Path(path))
    return found


def _read_secret(name: str, path: Path) -> str:
    """Return the text of the file that the variable `name` names; messages have its path, and none of its content."""
    if not path.is_absolute():  # processes of `reviews up` have another current folder
        raise UsageError(f"{name} must be an absolute path, not {str(path)!r}.")
    try:
        with path.open("rb") as stream:
            secret = stream.read(MOST_BYTES).decode().strip()
    except OSError as error:
        raise UsageError(
            f"{name}={str(path)!r}: can't be read ({error.strerror}). Next: name a file that this user may read."
        ) from None
    except UnicodeDecodeError:
        raise UsageError(f"{name}={str(path)!r}: is not UTF-8. Next: save it in UTF-8.") from None
    if not secret:
        raise UsageError(f"{name}={str(path)!r}: is empty. Next: write the secret into it.")
    return secret
