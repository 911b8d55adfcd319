"""The Prefect server and worker of one machine: start, watch, stop and status."""
