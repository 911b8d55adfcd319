"""Findings: what a run found that somebody should know. They are gathered from the tables, recorded, and rendered."""
