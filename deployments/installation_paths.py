"""Says where this installation has its code, its deployments, its settings file, its default home and Prefect's.

A checkout has them in its own folder. An installed wheel must not write beside its code, so its data and settings are
where the operating system keeps those of a user.
"""

from collections.abc import Mapping
from pathlib import Path

from data_contracts.errors import UsageError

PROJECT_ROOT = Path(__file__).resolve().parents[1]
"""The folder of the five packages: the checkout, or `site-packages`."""
PREFECT_FILE = Path(__file__).resolve().parent / "prefect.yaml"
RUNBOOK = Path(__file__).resolve().parent / "monitoring" / "runbook.md"
"""The page for who is on call, to which `docs/runbook.md` is a link, so that an installed wheel has it too."""
NAME = "review-ratings"
"""The name of the user's folders, as of the distribution."""


def is_checkout(root: Path = PROJECT_ROOT) -> bool:
    """Return whether the code runs from a checkout, rather than from an installed wheel."""
    return (root / "pyproject.toml").is_file()


def find_default_home(root: Path = PROJECT_ROOT) -> Path:
    """Return the home that is used if REVIEWS_HOME is not set."""
    if is_checkout(root):
        return root / "data"
    from platformdirs import user_data_path

    return user_data_path(NAME, appauthor=False)


def find_settings_file(root: Path = PROJECT_ROOT) -> Path:
    """Return the path of `.env`; the file need not exist."""
    if is_checkout(root):
        return root / ".env"
    from platformdirs import user_config_path

    return user_config_path(NAME, appauthor=False) / ".env"


def read_settings_file() -> dict[str, str]:
    """Return the settings in `.env`; raise `UsageError` if the file is not UTF-8."""
    path = find_settings_file()
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return {key: value for key, value in dotenv_values(path).items() if value is not None}
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8. Next: save it in UTF-8.") from None


def require_prefect_home(environment: Mapping[str, str]) -> None:
    """Create the folder that PREFECT_HOME names, for its user alone; raise `UsageError` if that is impossible."""
    named = environment.get("PREFECT_HOME")
    if named is None:
        return
    if not named:  # Prefect would use the current folder
        raise UsageError("PREFECT_HOME is empty. Next: unset it, or name a folder.")
    try:
        Path(named).expanduser().mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        raise UsageError(
            f"PREFECT_HOME={named[:80]!r}: can't be created ({getattr(error, 'strerror', None) or error}). Next: "
            "unset it, or name a folder that can be written."
        ) from None
