"""The report of a run: one self-contained HTML page. The entry point is `writing`.

Reads the published copy and the bundles. Matplotlib and Jinja are imported only when a report is made.
"""
