"""Writes all pages of the site into a folder, for a share or a mail."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from data_contracts.errors import SourceError, UsageError
from data_contracts.storage.durable import make_folder, remove_leftovers, write_all_whole, write_whole
from data_contracts.storage.home import Home
from tasks.pages.page_names import INDEX, MODELS, MOVIES, PAGES, WRITTEN, name_page
from tasks.pages.rendering import STYLE, format_style
from tasks.pages.sections import Answers
from tasks.pages.titles import read_titles
from tasks.queries.run_query import Ask, ask_published
from tasks.site.movie import read_movies
from tasks.site.movie_search import (
    ALL,
    DATA,
    MOVIES_SHOWN,
    SCRIPT,
    Search,
    find_movies,
    format_movies,
    format_script,
    render_movies,
)
from tasks.site.pages import make_models, make_movie, make_overview
from tasks.support.locking import hold_folder
from tasks.support.wording import escape_controls

_FILES = (INDEX, MOVIES, MODELS, STYLE, SCRIPT, DATA)
_MARK = ".made-by-reviews"
"""The file by which a folder of pages is known as one: a web site of somebody else has an index.html too."""


@dataclass(frozen=True)
class SiteSummary:
    """What was written."""

    index: Path
    """The first page."""
    movies: int


def write_site(home: Home, folder: Path) -> SiteSummary:
    """Write all pages into a folder, in place of those of an earlier call.

    Raises `UsageError` if the folder has other files, or the file of titles can't be read; `WarehouseError` if nothing
    has been published, and `SourceError` if a file can't be written.
    """
    _require_own(folder)
    try:
        with ask_published(home.published) as ask:
            with write_whole(folder / _MARK) as building:
                building.touch()
            make_folder(folder / PAGES)
            with hold_folder(folder):
                return _write(ask, home, folder)
    except OSError as error:
        raise SourceError(
            f"{folder}: the site can't be written ({error.strerror or error}). Next: free disk space, or make the "
            "folder writable; then the command again."
        ) from error


def _require_own(folder: Path) -> None:
    """Raise `UsageError` if a folder has files that the site did not write."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{escape_controls(str(folder))}: is a file. Next: name a folder.")
    pages, is_marked = set(_list_pages(folder)), (folder / _MARK).is_file()
    for path in (*folder.glob("[!.]*"), *(folder / PAGES).glob("[!.]*")):
        is_own = path in pages or path == folder / PAGES or (path.parent == folder and path.name in _FILES)
        if not is_marked or not is_own or path.is_symlink():
            raise UsageError(
                f"{escape_controls(str(folder))}: has {escape_controls(path.name)}, which the site did not write. "
                "Next: name a new folder."
            )


def _list_pages(folder: Path) -> Iterator[Path]:
    """Yield the pages of movies in a folder."""
    return (path for path in (folder / PAGES).glob("*.html") if WRITTEN.fullmatch(path.stem))


def _write(ask: Ask, home: Home, folder: Path) -> SiteSummary:
    """Write all pages, those that others link first."""
    for place in (folder, folder / PAGES):
        remove_leftovers(place, held=True)
    titles, answers = read_titles(home.titles), Answers(ask)
    overview = make_overview(answers, home, titles, is_served=False)
    models = make_models(Answers(ask, kept=answers.kept), home)
    movies = find_movies(answers, Search(limit=ALL))
    pages = read_movies(answers, movies)
    _write_files(
        folder / PAGES,
        ((f"{name_page(movie_id)}.html", make_movie(titles, movie_id, parts)) for movie_id, parts in pages),
    )
    _write_files(
        folder,
        (
            (STYLE, format_style()),
            (SCRIPT, format_script()),
            (DATA, format_movies(movies)),
            (MOVIES, render_movies(movies[:MOVIES_SHOWN], len(movies))),
            (MODELS, models),
            (INDEX, overview),
        ),
    )
    kept = {name_page(movie["movie_id"]) for movie in movies}
    for path in [path for path in _list_pages(folder) if path.stem not in kept]:
        path.unlink(missing_ok=True)
    return SiteSummary(folder / INDEX, len(movies))


def _write_files(folder: Path, contents: Iterable[tuple[str, str]]) -> None:
    """Write files of a folder; texts may hold what UTF-8 has no bytes for."""
    write_all_whole(folder, ((name, content.encode("utf-8", "replace")) for name, content in contents))
