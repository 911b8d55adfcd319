"""The data contracts: one module for each boundary where data is checked. Nothing here imports Prefect."""
