"""The Prefect tasks, and what they report to Prefect: run page, events, lineage, retries."""
