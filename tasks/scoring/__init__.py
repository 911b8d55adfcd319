"""Groups of files to parts: the plan of a run, the scored and quarantined rows, the checks on both."""
