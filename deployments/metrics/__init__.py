"""Metrics for Prometheus: figures of the published database, the inbox and the server, over HTTP."""
