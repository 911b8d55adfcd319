"""Proposes the profile of a source from one of its files. Somebody sees it before it counts, so it may guess."""
