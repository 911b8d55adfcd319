"""Says where this installation has its code, its deployments, its settings file and its default home.

A checkout has them in its own folder. An installed wheel must not write beside its code, so its data and settings are
where the operating system keeps those of a user.
"""

from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[1]
"""The folder of the five packages: the checkout, or `site-packages`."""
PREFECT_FILE = Path(__file__).resolve().parent / "prefect.yaml"
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
