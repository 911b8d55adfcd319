"""The folders of one home on two machines, for tests of what machines share."""

from pathlib import Path

from data_contracts.storage.home import Home


def make_two_homes(folder: Path) -> tuple[Home, Home]:
    """Return two homes that only just began."""
    pair = Home(folder / "one"), Home(folder / "two")
    for home in pair:
        home.sources.mkdir(parents=True)
        home.published.parent.mkdir()
    return pair
