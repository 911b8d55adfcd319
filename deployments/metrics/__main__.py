"""`python -m deployments.metrics [FD]`: serve the metrics of the home at REVIEWS_METRICS_PORT.

`reviews up` runs it with the descriptor of the socket that it has opened. Beside a server of your own, run it without.
"""

import socket
import sys
from functools import partial

from data_contracts.errors import ReviewsError, UsageError
from deployments.guarded_server import list_metrics_hosts
from deployments.local_server.server_process import open_metrics_port
from deployments.metrics.metrics_endpoint import make_metrics_app, serve_metrics
from deployments.metrics.server_metrics import read_server_metrics
from deployments.settings import load_settings


def _main(arguments: list[str]) -> None:
    """Serve on the socket that was handed over, or on one that is opened here."""
    try:
        settings = load_settings()
        listening = socket.socket(fileno=int(arguments[0])) if arguments else open_metrics_port(settings)
        if listening is None:
            raise UsageError("REVIEWS_METRICS_PORT is not set. Next: set it to a free port, such as 9108.")
        read_server = partial(read_server_metrics, settings)
        serve_metrics(listening, make_metrics_app(settings, list_metrics_hosts(settings), read_server))
    except ReviewsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_status)


if __name__ == "__main__":
    _main(sys.argv[1:])
