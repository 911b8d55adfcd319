"""`python -m docs`: generate all generated parts of the pages, with the answers of a new demo (takes a minute).

`python -m docs code` generates only the parts that repeat the code, which takes a second and needs no demo.
"""

import sys

from docs.code_parts import write_code_parts
from docs.queries_page import renew_answers


def main() -> None:
    """Write the parts that repeat the code, then the answers in docs/queries.md and README.md."""
    write_code_parts()
    if sys.argv[1:] != ["code"]:
        renew_answers()


if __name__ == "__main__":
    main()
