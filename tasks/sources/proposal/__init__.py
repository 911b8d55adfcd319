"""Proposes the profile of a source from one of its files: what names and values show, and questions on what is open.

It may be as clever as a careful person, since somebody sees the proposal before it counts; a run never guesses.
"""
