"""Makes a page of the site when it is asked for, by its address, from the published copy as it is at that moment."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from data_contracts.storage.home import Home
from tasks.pages.page_names import ANY_MOVIE, INDEX, MODELS, MOVIES, PAGES, is_plain
from tasks.pages.titles import Title, read_titles
from tasks.queries.run_query import Ask, ask_published
from tasks.report.present_tables import require_present_tables
from tasks.site import rendering
from tasks.site.models_page.facts import read_models
from tasks.site.movie_facts import count_movies, find_movies, keep_movies, read_movie
from tasks.site.movie_search import read_search
from tasks.site.overview import make_overview
from tasks.site.overview_facts import keep_days


def make_page(home: Home, address: str, query: Mapping[str, str]) -> str | None:
    """Return a page by its address on the server, from the first page's folder; None if there is no such page.

    Raises `UsageError` if the file of titles can't be read, and `WarehouseError` if nothing has been published.
    """
    movie_id = find_movie_id(address, query)
    if movie_id is None and address not in (INDEX, MOVIES, MODELS):
        return None
    with ask_published(home.published) as ask:
        require_present_tables(ask)
        titles = {} if address == MODELS else find_titles(home.titles)
        if movie_id is not None:
            facts = read_movie(ask, movie_id, titles)
            return rendering.render_movie(facts) if facts else None
        if address == INDEX:
            return rendering.render_overview(make_overview(ask, home, titles), is_served=True)
        return _make_search(ask, titles, query) if address == MOVIES else make_models(ask, home)


def find_movie_id(address: str, query: Mapping[str, str]) -> str | None:
    """Return the movie whose page has an address; None if it is that of no movie."""
    folder, _, name = address.removesuffix(".html").rpartition("/")
    if folder != PAGES or not address.endswith(".html"):
        return None
    if name == ANY_MOVIE:
        return query.get("id")
    return name if is_plain(name) else None


def _make_search(ask: Ask, titles: Mapping[str, Title], query: Mapping[str, str]) -> str:
    """Return the page with the movies that are asked for."""
    keep_movies(ask, titles)
    search = read_search(query)
    return rendering.render_movies(find_movies(ask, search), count_movies(ask), search)


def make_models(ask: Ask, home: Home) -> str:
    """Return the page of the models."""
    keep_days(ask)
    return rendering.render_models(read_models(ask, home))


def find_titles(path: Path) -> Mapping[str, Title]:
    """Return the titles of a file, as they are now; they are read again where the file has changed."""
    state = path.stat() if path.exists() else None
    return _read_titles(path, state and (state.st_mtime_ns, state.st_size, state.st_ino))


@lru_cache(maxsize=1)
def _read_titles(path: Path, state: object) -> Mapping[str, Title]:
    """Return the titles of a file in a state."""
    return read_titles(path)
