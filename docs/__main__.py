"""Make the made parts of the pages anew, with a demo of its own in a temporary home (a minute): `python -m docs`.

`python -m docs code` makes what repeats the code, without the demo's answers, at once.
"""

import sys

from docs.code_parts import write_code_parts
from docs.queries_page import renew_answers


def main() -> None:
    """Make what repeats the code, then the answers on the page of queries and in the README."""
    write_code_parts()
    if sys.argv[1:] != ["code"]:
        renew_answers()


if __name__ == "__main__":
    main()
