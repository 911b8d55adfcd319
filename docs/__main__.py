"""Make the made parts of the pages anew, with a demo of its own in a temporary home (a minute): `python -m docs`.

`python -m docs tables` makes the page of the tables alone, at once.
"""

import sys

from docs import queries_page, tables_page
from docs.pages import write_made


def main() -> None:
    """Make the page of the tables, then the answers of the page of queries and the README."""
    write_made(tables_page.PAGE, tables_page.make_page())
    if sys.argv[1:] != ["tables"]:
        queries_page.renew_answers()


if __name__ == "__main__":
    main()
