"""What is promised at each boundary, one module a boundary; knows nothing of Prefect."""
