"""Reviews in Python, for notebooks and scripts: the published tables in DuckDB, and texts scored by the champion."""

from reviews.home import OpenHome
from reviews.home import open_home as open

__all__ = ["OpenHome", "open"]
