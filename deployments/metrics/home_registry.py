"""A registry of metrics whose samples all have the label `home`, so that several homes can be told apart."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric


class HomeRegistry(CollectorRegistry):
    """Collects as others do, and adds the label."""

    def __init__(self, home: str) -> None:
        super().__init__()
        self._home = home

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics, each sample with the label."""
        for family in super().collect():
            family.samples = [
                sample._replace(labels={"home": self._home, **sample.labels}) for sample in family.samples
            ]
            yield family
