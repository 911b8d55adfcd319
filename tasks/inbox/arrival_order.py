"""Keeps in which order files arrived before the database was replaced by an older one, which does not know them.

The rows of files that are committed together arrive in the order of the files' names (docs/feeding.md). After a restore
all files that came since the backup would be committed together: a correction that came later might not be the newest
any more, nor the last full export. So a restore writes down the order of before, and the next run keeps to it.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import groupby

from data_contracts.storage.durable import write_whole
from data_contracts.storage.home import Home
from tasks.inbox.source_files import SourceFile

_NAME = "arrivals-before.json"


def write_arrivals(home: Home, arrivals: Mapping[str, int]) -> None:
    """Write down in which order files arrived: numbers by the sha256 of their content, equal ones came together."""
    with write_whole(home.running / _NAME) as building:
        building.write_text(json.dumps(dict(arrivals)), "utf-8")


def read_arrivals(home: Home) -> dict[str, int]:
    """Return the order that the last restore wrote down, from 0; nothing without a restore, or if that is damaged."""
    try:
        found = dict(json.loads((home.running / _NAME).read_text("utf-8")))
        # An older version wrote moments, which sort as texts.
        places = {number: place for place, number in enumerate(sorted(set(found.values())))}
    except (FileNotFoundError, ValueError, TypeError):
        return {}
    return {str(name): places[number] for name, number in found.items()}


def drop_arrivals(home: Home) -> None:
    """Delete the record, once a run has got through all files of the inbox."""
    (home.running / _NAME).unlink(missing_ok=True)


def split_by_arrival(home: Home, files: Sequence[SourceFile]) -> list[list[SourceFile]]:
    """Return files in the order in which they arrived, those that arrived together in one list; unknown ones last.

    Without a record, all of them are in one list.
    """
    arrivals = read_arrivals(home)

    def find(file: SourceFile) -> int:
        return arrivals.get(file.source_sha256, len(arrivals))

    return [list(group) for _, group in groupby(sorted(files, key=find), key=find)]
