"""Make the made parts of the pages anew: `python -m docs`, with a demo of its own in a temporary home (a minute)."""

from docs import queries_page, tables_page
from docs.pages import write_made


def main() -> None:
    """Make the table page, then the answers of the query page and the README."""
    write_made(tables_page.PAGE, tables_page.make_page())
    queries_page.renew_answers()


if __name__ == "__main__":
    main()
