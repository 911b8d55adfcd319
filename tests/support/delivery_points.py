"""The fault points of deliveries. Tests of destinations, and `benchmarks.destinations`, end deliveries there."""

OF_FOLDERS = ("deliver: a file in place", "deliver: a ledger written")
OF_TABLES = (
    "deliver: inside a transaction",
    "deliver: inside a staged transaction",
    "deliver: a transaction committed",
)
