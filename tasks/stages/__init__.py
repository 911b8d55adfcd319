"""The stages of the flows as Prefect tasks, and what they report to Prefect: run page, events, lineage and retries."""
