"""Finds the files of the inbox that no run has scored or refused yet, by the published copy of the ledger.

A file is read only if the ledger does not know its name, but has a content of its size: it may be a copy of that.
"""

import time
from collections.abc import Callable

from data_contracts.storage.home import Home
from deployments.metrics.metric_definitions import OLDEST, UNSCORED, Sample
from tasks.inbox.source_files import FoundFile, SourceFile, hash_file, look_into
from tasks.warehouse.file_ledger import Ledgered, find_ledgered

Unscored = Callable[[], list[FoundFile]]


def make_unscored_finder(home: Home) -> Unscored:
    """Return a function that returns the files of the inbox that are to be scored, and hashes each file once."""
    digests: dict[FoundFile, str] = {}

    def find() -> list[FoundFile]:
        nonlocal digests
        files = look_into(home.inbox).files if home.inbox.is_dir() else ()
        digests = {file: digests[file] for file in files if file in digests}
        ledgered = find_ledgered(home.published, files)
        return [file for file in files if not _is_done(file, ledgered, digests)]

    return find


def read_inbox_metrics(find_unscored: Unscored) -> list[Sample]:
    """Return the number of files that are to be scored, and the age of the one that came first."""
    unscored = find_unscored()
    oldest = min((file.ctime_ns or file.mtime_ns for file in unscored), default=0)
    age = max(0.0, time.time() - oldest / 1e9) if unscored else 0.0
    return [Sample(UNSCORED, (), len(unscored)), Sample(OLDEST, (), age)]


def _is_done(file: FoundFile, ledgered: Ledgered, digests: dict[FoundFile, str]) -> bool:
    """Return whether a file was scored or refused, under this name or another one; a hash is kept in `digests`."""
    if file.uri in ledgered.done or file.size not in ledgered.digests:
        return file.uri in ledgered.done
    if file not in digests and isinstance(hashed := hash_file(file), SourceFile):
        digests[file] = hashed.source_sha256
    return digests.get(file) in ledgered.digests[file.size]
