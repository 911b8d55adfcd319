"""`python -m deployments.site [FD]`: serve the site and the reports of the home at REVIEWS_SITE_PORT.

`reviews up` runs it with the descriptor of the socket that it has opened. Beside a server of your own, run it without.
"""

import socket
import sys

from data_contracts.errors import ReviewsError, UsageError
from deployments.local_server.server_process import open_site_port
from deployments.settings import load_settings
from deployments.site.app import serve_site


def _main(arguments: list[str]) -> None:
    """Serve on the socket that was handed over, or on one that is opened here, until a signal."""
    try:
        settings = load_settings()
        listening = socket.socket(fileno=int(arguments[0])) if arguments else open_site_port(settings)
        if listening is None:
            raise UsageError("REVIEWS_SITE_PORT is not set. Next: set it to a free port, such as 8400.")
        serve_site(settings, listening)
    except ReviewsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_status)


if __name__ == "__main__":
    _main(sys.argv[1:])
