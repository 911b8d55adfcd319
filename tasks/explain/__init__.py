"""Explanations of scores: which words moved a score, and all rows of a review, in the terminal or as JSON."""
