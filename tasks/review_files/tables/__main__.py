"""The program of the process that reads tables: see `process.py`."""

import sys
from multiprocessing.connection import Connection

from data_contracts.loading import forgo_imports, pause_collection


def _main() -> None:
    """Serve on the socket whose descriptor is the argument."""
    # Arrow would load pandas at its first array, which takes as long as all the rest, and has no use for it here.
    with forgo_imports("pandas"):
        with pause_collection():
            from tasks.review_files.tables.process import serve

        serve(Connection(int(sys.argv[1])))


if __name__ == "__main__":
    _main()
