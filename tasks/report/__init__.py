"""The reports of runs and weeks: one HTML page each. `writing` writes those of runs, `week` of weeks."""
