"""The Prefect server and worker of one machine: start, supervision, stop and status."""
