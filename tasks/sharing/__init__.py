"""Lets several machines share one home by a store: one at a time writes it, from where the one before has ended."""
