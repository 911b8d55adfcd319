"""The report of a run: one self-contained page that a person would send on. `writing` is the way in.

Needs matplotlib and Jinja, which are loaded when a report is made; reads the published copy and the bundles.
"""
