"""What a reader asks of the list of movies, as the address of its page says it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

ENOUGH_REVIEWS = 5
"""Fewest reviews of a movie among the best and the worst, and of those that the search shows if asked to."""
SORTS = ("title", "stars", "reviews", "positive", "year")
"""What movies can be sorted by."""
MOVIES_SHOWN, MOST_SHOWN = 50, 1000
"""Movies on a page of the search, and as many as it shows on request at most."""
WORDS_CHARACTERS = 200


@dataclass(frozen=True)
class Search:
    """Which movies are asked for, and in which order."""

    words: str = ""
    """All of them are in the title, the id or the year."""
    at_least: int = 0
    """The fewest reviews."""
    sort: str = "reviews"
    """One of `SORTS`."""
    is_ascending: bool = False
    limit: int | None = None
    """Most movies; None for all."""


def read_search(query: Mapping[str, str]) -> Search:
    """Return what the query of an address asks for; what it does not say, or says wrongly, is as usual."""
    sort, limit = query.get("sort", ""), query.get("limit", "")
    return Search(
        query.get("q", "")[:WORDS_CHARACTERS],
        ENOUGH_REVIEWS if query.get("at_least") else 0,
        sort if sort in SORTS else "reviews",
        query.get("order") == "ascending",
        (min(int(limit), MOST_SHOWN) if limit.isdecimal() and len(limit) < 6 else 0) or MOVIES_SHOWN,
    )


def link_search(search: Search) -> str:
    """Return the address of a search, which `read_search` reads."""
    asked = {
        "q": search.words,
        "at_least": search.at_least or "",
        "sort": search.sort,
        "order": "ascending" if search.is_ascending else "descending",
        "limit": search.limit,
    }
    return (
        f"movies.html?{urlencode({name: value for name, value in asked.items() if value}, errors='replace')}"
    )


def link_sort(search: Search, column: str) -> str:
    """Return the address of the search by a column: where it is that already, in the opposite order."""
    is_ascending = not search.is_ascending if search.sort == column else column == "title"
    return link_search(replace(search, sort=column, is_ascending=is_ascending, limit=MOVIES_SHOWN))


def link_more(search: Search, found: int) -> str | None:
    """Return the address of the search with more of what it has found; None if all is shown, or as much as can be."""
    shown = search.limit or found
    return (
        link_search(replace(search, limit=shown + MOVIES_SHOWN)) if shown < min(found, MOST_SHOWN) else None
    )
