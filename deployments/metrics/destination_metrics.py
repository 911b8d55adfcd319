"""Reads how deliveries to destinations went, from what the home noted: a scrape asks no destination."""

from datetime import UTC, datetime

from data_contracts.storage.home import Home
from deployments.metrics.metric_definitions import DELIVERED, DESTINATION_BEHIND, DESTINATION_FAILING, Sample


def read_destination_metrics(home: Home) -> list[Sample]:
    """Return the samples of each destination whose file can be read."""
    if not any(home.destinations.glob("[!.]*.toml")):
        return []
    from tasks.delivery.delivering import read_standing
    from tasks.delivery.destinations import load_destinations

    samples = []
    for destination in load_destinations(home, {}).known:
        standing, label = read_standing(home, destination.name), (destination.name,)
        failing = _measure_age(standing.failing_since) if standing.failing_since else 0.0
        samples.append(Sample(DESTINATION_FAILING, label, failing))
        samples.append(Sample(DESTINATION_BEHIND, label, standing.rows_behind))
        if standing.delivered_at:
            delivered = datetime.fromisoformat(standing.delivered_at).timestamp()
            samples.append(Sample(DELIVERED, label, delivered))
    return samples


def _measure_age(moment: str) -> float:
    """Return the seconds since a moment in ISO format."""
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds())
