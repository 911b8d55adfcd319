"""Finds files that have grown: whose first bytes are all the bytes of a file that came before."""

import hashlib
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tasks.inbox.opening import open_regular
from tasks.inbox.source_files import FoundFile, SourceFile
from tasks.reading.formats import format_of, split_format
from tasks.sources.catalogue import Catalogue
from tasks.warehouse.file_ledger import FILES_COMPARED, EarlierFile, list_earlier
from tasks.warehouse.row_names import name_first

_FORMATS = {"csv", "tsv", "jsonl", "json", "text"}
"""The formats, compressed or not, whose rows follow each other; the others say at their end what they hold."""
_READ_BYTES = 1 << 20


def find_earlier(
    warehouse: Path, catalogue: Catalogue, files: Sequence[FoundFile] | Sequence[SourceFile]
) -> list[EarlierFile]:
    """Return the files that came before some and may be what these were before they grew."""
    sources = {catalogue.find(file.uri).name for file in files}
    names = {
        name_first(file.uri, file.source_sha256) if isinstance(file, SourceFile) else file.uri
        for file in files
    }
    return list_earlier(warehouse, sources, names)


def note_growth(
    files: Sequence[SourceFile], earlier: Sequence[EarlierFile], name_source: Callable[[str], str]
) -> list[SourceFile]:
    """Return the files, each with those before it that it begins with as `grown_from`.

    The files before one are the `earlier` ones and those before it in `files`, of the same source or of any.
    """
    of_source = defaultdict[str, deque[EarlierFile]](lambda: deque(maxlen=FILES_COMPARED))
    of_name: dict[tuple[str, str], EarlierFile] = {}

    def add(each: EarlierFile) -> None:
        of_source[each.source].append(each)
        of_name[each.source, each.uri] = each

    anywhere = [each for each in earlier if not each.source]
    for each in earlier:
        if each.source:
            add(each)
    noted = []
    for file in files:
        source = name_source(file.uri)
        name = name_first(file.uri, file.source_sha256)
        same_name = [of_name[source, name]] if (source, name) in of_name else []
        noted.append(
            replace(file, grown_from=_find_beginnings(file, [*same_name, *of_source[source], *anywhere]))
        )
        add(EarlierFile(source, name, file.size, file.source_sha256))
    return noted


def _find_beginnings(file: SourceFile, earlier: Sequence[EarlierFile]) -> tuple[str, ...]:
    """Return the sha256 of those earlier files whose bytes are the first ones of a file; its bytes are read once."""
    digests = {each.source_sha256 for each in earlier}
    sizes = sorted({each.size for each in earlier if 0 < each.size < file.size})
    if not sizes or split_format(format_of(file.path))[0] not in _FORMATS:
        return ()
    found, digest, place = [], hashlib.sha256(), 0
    try:
        with open_regular(file.path, file.root) as stream:
            for size in sizes:
                while place < size and (chunk := stream.read(min(size - place, _READ_BYTES))):
                    digest.update(chunk)
                    place += len(chunk)
                found.append(digest.hexdigest())
    except OSError:
        return ()  # who reads its rows says why it can't be read
    return tuple(each for each in found if each in digests)
