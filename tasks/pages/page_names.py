"""Names the page of a movie: by its id, if that is safe as a file name on every system, else by a digest of it.

Names differ in more than case, since some file systems take `TT1.html` for `tt1.html`. The server knows a movie without
a list of all: so it has ids that do not name their page in the address.
"""

import re
from hashlib import sha256
from urllib.parse import quote

from tasks.pages.formatting import NAME_CHARACTERS, cut_name

PLAIN = "(?!(?:com|lpt)[0-9]$)[a-z]{0,12}[0-9]{1,40}"
"""The ids that name their page themselves: they differ in more than case, and none is a device on Windows."""
_PLAIN = re.compile(PLAIN)
_CAPITALS = re.compile("(?=.*[A-Z])[A-Z0-9]{1,40}")
"""The ids of capitals alone, with or without digits: their pages have them in small letters, with a mark."""
INDEX, MOVIES, MODELS = "index.html", "movies.html", "models.html"
"""The pages of the site beside those of movies."""
PAGES = "movies"
"""The folder of these pages in the site."""
ANY_MOVIE = "movie"
"""The name of the page of any movie that the address has as `id`."""
WRITTEN = re.compile(f"{PLAIN}|[a-z0-9]{{1,40}}-capitals|movie-[0-9a-f]{{32}}")
"""The names of pages in a folder."""


def is_plain(movie_id: str) -> bool:
    """Return whether a movie's page has the name of its id."""
    return _PLAIN.fullmatch(movie_id) is not None


def name_page(movie_id: str) -> str:
    """Return the name of a movie's page in a folder, without `.html`."""
    if is_plain(movie_id):
        return movie_id
    # A plain id has no hyphen, and a digest never reads "capitals", so no page has the name of another.
    if _CAPITALS.fullmatch(movie_id):
        return f"{movie_id.lower()}-capitals"
    return f"movie-{sha256(movie_id.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def link_written(movie_id: str) -> str:
    """Return the address of a movie's page in a folder, from its first page."""
    return f"{PAGES}/{name_page(movie_id)}.html"


def link_served(movie_id: str) -> str:
    """Return the address of a movie's page on the server, from its first page."""
    if is_plain(movie_id):
        return link_written(movie_id)
    return f"{PAGES}/{ANY_MOVIE}.html?id={quote(movie_id, safe='', errors='replace')}"


def show_id(movie_id: str, longest: int = NAME_CHARACTERS) -> str:
    """Return the id of a movie as pages show it; a blank one in words, since a link needs a name."""
    return cut_name(movie_id, longest) if movie_id.strip() else "(a blank id)"
