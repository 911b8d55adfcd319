"""The stages of `score-reviews` that let the workers of an engine score, and commit what they made."""
