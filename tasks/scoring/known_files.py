"""Decides which files a run need not read, since their content was scored, or refused as it would be read now.

A refusal holds for the bytes of a file under its name and by the profile of its source. A known file that comes again
over its own beginning takes the place of that.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from data_contracts.storage.home import Home
from tasks.inbox.source_files import SourceFile
from tasks.scoring.grown_files import find_earlier, note_growth
from tasks.sources.catalogue import Catalogue, load_catalogue
from tasks.warehouse.file_ledger import name_refusal, read_refusals
from tasks.warehouse.readings.grown_files import replace_returned


def find_statuses(
    home: Home, files: Collection[SourceFile], by_content: Mapping[str, str | None]
) -> dict[SourceFile, str | None]:
    """Return the status of each file, by those of the ledger by sha256; None where it is refused and read otherwise."""
    refused = {file.source_sha256 for file in files if by_content.get(file.source_sha256) == "refused"}
    catalogue = load_catalogue(home) if refused else Catalogue()
    refusals = read_refusals(home.warehouse, refused)

    def is_outdated(file: SourceFile) -> bool:
        known = refusals.get(file.source_sha256)
        return known is not None and name_refusal(catalogue.find(file.uri).version, file.uri) not in known

    return {file: None if is_outdated(file) else by_content.get(file.source_sha256) for file in files}


def pick_new(
    files: Sequence[SourceFile], statuses: Mapping[SourceFile, str | None], retry_refused: bool = False
) -> list[SourceFile]:
    """Return the files to plan, in order: those not yet scored or refused; of several copies the first.

    `statuses` are those of `find_statuses`. With `retry_refused`, refused files are returned too.
    """
    done = {"scored"} if retry_refused else {"scored", "refused"}
    firsts: dict[str, SourceFile] = {}
    for file in files:
        if (status := statuses.get(file)) not in done:
            firsts.setdefault(file.source_sha256, replace(file, was_refused=status == "refused"))
    return list(firsts.values())


def settle_returned(
    home: Home, files: Sequence[SourceFile], statuses: Mapping[str, str | None], chosen: str | None = None
) -> int:
    """Let the scored ones of files that have come again take the place of their beginnings; return how many these are.

    `chosen` is the source of every file, if it is given. It comes before the files are recorded as seen, so that the
    next run does it if this one is killed in between.
    """
    returned = [file for file in files if statuses.get(file.source_sha256) == "scored"]
    if not returned:
        return 0
    catalogue = load_catalogue(home, chosen)
    earlier = find_earlier(home.warehouse, catalogue, returned)
    noted = note_growth(returned, earlier, lambda uri: catalogue.find(uri).name)
    grown = [file for file in noted if file.grown_from]
    return replace_returned(home.warehouse, grown) if grown else 0
