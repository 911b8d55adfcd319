"""What a finished model learns from the labels of a source: a small layer on its logit, kept with the bundle."""
