"""Explanations of scores: which words moved a score, shown in a terminal or on an HTML page."""
