"""The page of a week: what came in, which movies moved, what drifted, and what the model got wrong.

The entry is `writing`.
"""
