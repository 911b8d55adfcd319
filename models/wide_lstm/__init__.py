"""The kind of the default variant: an LSTM over windows of words, combined with a model of n-grams."""
