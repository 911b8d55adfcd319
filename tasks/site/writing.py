"""Writes the site into the home: pages of movies whose reviews changed, then the list of movies, then the overview.

Each file is written completely or not at all, and a page that another links is there first. So a site whose making was
killed can be read, and the next making goes on: a movie's page is made again if it is missing, or if the record of what
it was made from differs from the published copy.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb

from data_contracts.errors import SourceError
from data_contracts.storage.durable import make_folder, remove_leftovers, write_all_whole
from data_contracts.storage.home import Home
from tasks.pages.titles import Title, read_titles
from tasks.queries.run_query import MOST_MEMORY, Ask, make_ask
from tasks.report.scoring_facts import require_present_tables
from tasks.report.writing import find_showing_forgotten
from tasks.site import rendering
from tasks.site.movie_facts import FindKept, Movie, list_movies, read_movies
from tasks.site.movie_list_script import format_movies
from tasks.site.movie_page_parts import KeptReview, find_reviews
from tasks.site.overview import make_overview
from tasks.site.page_names import PAGES, name_page
from tasks.site.page_record import is_claimed, read_record, read_written, require_own, write_record
from tasks.site.rendering import DATA, SCRIPT, STYLE
from tasks.support.locking import hold_folder
from tasks.warehouse.published import open_published, require_published

INDEX, MOVIES, MODELS = "index.html", "movies.html", "models.html"


@dataclass(frozen=True)
class SiteSummary:
    """What a making of the site did."""

    index: Path
    """The first page."""
    movies: int
    pages_written: int
    """Pages of movies that were made anew."""
    pages_removed: int
    """Pages that were deleted, of movies that have no reviews any more."""


def write_site(home: Home, *, anew: bool = False) -> SiteSummary:
    """Bring the site up to date with the published copy; `anew`: write every page.

    Raises `UsageError` if the file of titles can't be read, `WarehouseError` if nothing has been published, and
    `SourceError` if a file can't be written, or the folder is not the site's own.
    """
    titles, folder = read_titles(home.titles), home.site
    try:
        require_published(home.published)
        require_own(folder, (INDEX, MOVIES, MODELS, STYLE, SCRIPT, DATA))
        make_folder(folder / PAGES)
        # In this order, so that of two makings at a time the later one has the newer copy.
        with hold_folder(folder), open_published(home.published, MOST_MEMORY) as connection:
            _remove_leftovers(folder)
            if not is_claimed(folder):
                write_record(folder, {})
            return _write(connection, home, titles, {} if anew else read_record(folder))
    except OSError as error:
        raise SourceError(
            f"{folder}: the site can't be written ({error.strerror or error}). Next: free disk space, or make the "
            "folder writable; the next making goes on."
        ) from error


def _write(
    connection: duckdb.DuckDBPyConnection, home: Home, titles: Mapping[str, Title], record: Mapping[str, str]
) -> SiteSummary:
    """Write what differs from the record, while no other process does."""
    folder, ask, written_before = home.site, make_ask(connection), read_written(home.site)
    require_present_tables(ask)
    with connection.cursor() as second, ThreadPoolExecutor(1, "overview") as aside:
        # Queries and charts of the overview take as long as the pages of some hundred movies.
        overview = aside.submit(make_overview, make_ask(second), home)
        _write_changed(folder, {STYLE: rendering.format_style(), SCRIPT: rendering.format_script()})
        movies = list_movies(ask, titles)
        changed = _find_changed(folder / PAGES, movies, record)
        if changed:
            _name_all(folder, record, [*written_before, *(movie.movie_id for movie in changed)])
        kept = partial(_find_kept, folder / PAGES, record)
        written = write_all_whole(folder / PAGES, _render_all(ask, changed, kept))
        _write_changed(folder, {DATA: format_movies(movies), MOVIES: rendering.render_movies(movies)})
        made = overview.result()
        _write_changed(folder, {MODELS: rendering.render_models(made)})
        _write_changed(folder, {INDEX: rendering.render_overview(made, movies)})
    removed = _remove_pages(folder / PAGES, written_before - {movie.movie_id for movie in movies})
    write_record(folder, {movie.movie_id: movie.made_from for movie in movies})
    return SiteSummary(folder / INDEX, len(movies), written, removed)


def _find_changed(pages: Path, movies: Sequence[Movie], record: Mapping[str, str]) -> list[Movie]:
    """Return the movies whose page is missing, or was made from something else."""
    present = {path.name for path in pages.iterdir()}
    return [
        each
        for each in movies
        if record.get(each.movie_id) != each.made_from or f"{each.page}.html" not in present
    ]


def _name_all(folder: Path, record: Mapping[str, str], movie_ids: Iterable[str]) -> None:
    """Name the pages of these movies in the record, before any is written."""
    write_record(folder, {**dict.fromkeys(movie_ids, ""), **record})


def _find_kept(pages: Path, record: Mapping[str, str], movie: Movie) -> Mapping[str, KeptReview]:
    """Return the reviews on the present page of a movie; none if it is not one of the present design."""
    if not record.get(movie.movie_id):
        return {}
    try:
        return find_reviews((pages / f"{movie.page}.html").read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return {}


def _render_all(ask: Ask, movies: Sequence[Movie], find_kept: FindKept) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each page of these movies."""
    for facts in read_movies(ask, movies, find_kept):
        yield f"{facts.movie.page}.html", _encode(rendering.render_movie(facts))


def _write_changed(folder: Path, contents: Mapping[str, str]) -> None:
    """Write the files of a folder whose content differs from what is there."""
    encoded = {name: _encode(content) for name, content in contents.items()}
    changed = {name: content for name, content in encoded.items() if not _holds(folder / name, content)}
    write_all_whole(folder, changed.items())


def _encode(content: str) -> bytes:
    """Return the bytes of a file; texts may hold what UTF-8 has no bytes for."""
    return content.encode("utf-8", "replace")


def _holds(path: Path, content: bytes) -> bool:
    """Return whether a file has this content."""
    return path.is_file() and path.read_bytes() == content


def _remove_pages(pages: Path, movie_ids: Iterable[str]) -> int:
    """Delete the pages of these movies, which are no more; return the number of those that were there."""
    there = [path for path in (pages / f"{name_page(each)}.html" for each in movie_ids) if path.is_file()]
    for path in there:
        path.unlink(missing_ok=True)
    return len(there)


def _remove_leftovers(folder: Path) -> None:
    """Remove the unfinished files that a killed process left, whatever texts they have."""
    for place in (folder, folder / PAGES):
        remove_leftovers(place, held=True)


def has_site(home: Home) -> bool:
    """Return whether the home has a site, or the beginning of one; what lies behind a link is none."""
    places = (home.site, home.site / PAGES)
    return all(place.is_dir() and not place.is_symlink() for place in places)


def drop_pages_of_forgotten(home: Home) -> list[Path]:
    """Delete and return the pages that show the text of a forgotten row; the next making writes them without it."""
    if not has_site(home):
        return []
    with hold_folder(home.site):
        _remove_leftovers(home.site)
        dropped = find_showing_forgotten(
            home, [path for path in (home.site / PAGES).glob("*.html") if path.is_file()]
        )
        for path in dropped:
            path.unlink(missing_ok=True)
    return dropped
