"""What every package of tasks needs: wording, locks, progress, interruption, code version."""
