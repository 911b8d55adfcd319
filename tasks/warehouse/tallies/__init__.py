"""Tallies of what sources sent and of repeated texts, kept up to date by commits, so that no run reads the history."""
