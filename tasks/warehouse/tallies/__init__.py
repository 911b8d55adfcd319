"""Tallies of what each source has sent, kept up to date by every commit, so that no run reads the history for them."""
