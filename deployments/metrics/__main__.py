"""`python -m deployments.metrics [FD]`: serve the metrics of the home at REVIEWS_METRICS_PORT."""

from deployments.metrics.metrics_endpoint import serve_metrics
from deployments.ports import serve_alone

if __name__ == "__main__":
    serve_alone("metrics", serve_metrics)
