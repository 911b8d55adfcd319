"""Opens a home to read: a DuckDB connection to its published copy, and the scores of texts by its champion.

Nothing is written but the copy of a store, where the home has no database. The copy stays the one that was there when
the home was opened; open it again to see later runs.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any

import duckdb
import pyarrow as pa

from data_contracts.errors import UsageError, WarehouseError
from data_contracts.rules_and_limits import RowLimits
from data_contracts.storage.home import Home
from deployments.settings import load_settings
from tasks.texts.loaded_champion import LoadedChampion, load_champion
from tasks.texts.scores import list_texts, score_asked
from tasks.warehouse.model_registry import read_promoted
from tasks.warehouse.published import open_published_apart


@dataclass(frozen=True)
class OpenHome:
    """A home that is open to read, until `close`, the end of a `with` block, or until nothing refers to it any more."""

    folder: Path
    connection: duckdb.DuckDBPyConnection = field(repr=False)
    """The published copy, read-only, with all tables and views; times are in UTC."""
    _limits: RowLimits = field(repr=False)
    _close: Callable[[], None] = field(repr=False)
    _is_closed: Event = field(default_factory=Event, repr=False)

    def sql(
        self, query: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> duckdb.DuckDBPyRelation:
        """Return the answer to SQL: `.df()` of it is a pandas frame, `.to_arrow_table()` an Arrow table.

        `parameters` are the values of `$name` or `?` in the query.
        """
        self._require_open()
        return self.connection.sql(query, params=parameters)

    def score(self, texts: Iterable[str | None], source: str | None = None) -> pa.Table:
        """Score texts by the champion, in this process; return a row for each, in their order.

        `source` is the one that all texts are of: where the champion has learnt from its labels, they count. The
        columns are those of `tasks.texts.scores.ANSWER_SCHEMA`: the numbers that `reviews score` would write, or the
        rule by which it would quarantine the row. Raises `BundleError` if the champion's bundle was altered.
        """
        self._require_open()
        if not isinstance(source, str | None):
            raise UsageError(
                f"The source must be a name, not {type(source).__name__}. Next: score the texts of each source alone."
            )
        listed = list_texts(texts)
        return score_asked(self._champion, listed, self._limits, [source] * len(listed))

    @property
    def model_id(self) -> str:
        """The id of the champion that scores."""
        self._require_open()
        return self._champion.promoted.model_id

    @cached_property
    def _champion(self) -> LoadedChampion:
        return load_champion(Home(self.folder).bundles, read_promoted(self.connection, None))

    def close(self) -> None:
        """Close the published copy."""
        self._is_closed.set()
        self._close()

    def _require_open(self) -> None:
        """Raise `UsageError` if the home was closed."""
        if self._is_closed.is_set():
            raise UsageError(f"{self.folder}: this home is closed. Next: open it again, by `reviews.open`.")

    def __enter__(self) -> "OpenHome":
        """Return the open home."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the published copy."""
        self.close()


def open_home(folder: str | os.PathLike[str] | None = None) -> OpenHome:
    """Open the published copy of the home in `folder`, by default that of REVIEWS_HOME or of this installation.

    Where the home has no database, the copy is the newest of the store that REVIEWS_STORE names. Raises
    `WarehouseError` if there is no such folder, or nothing was published there yet.
    """
    settings = load_settings()
    home = settings.home if folder is None else Home(Path(folder).expanduser().absolute())
    if home.fetched.exists() or (settings.store and (folder is None or home.folder.is_dir())):
        _fetch_newest(home, settings.store)
    if not home.folder.is_dir():
        raise WarehouseError(f"{home.folder}: there is no such folder. Next: name the folder of a home.")
    connection, close = open_published_apart(home.published)
    return OpenHome(home.folder, connection, settings.limits, close)


def _fetch_newest(home: Home, store: str | None) -> None:
    """Fetch the newest copy of a store if the home has no database; warn if an older one is read."""
    from tasks.snapshots.reading import find_newest

    if (newest := find_newest(home, store)) and newest.trouble:
        warnings.warn(newest.describe(), stacklevel=3)
