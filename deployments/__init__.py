"""Settings, and how the flows are deployed: Prefect servers, schedules, workers and alerts."""
