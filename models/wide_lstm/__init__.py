"""The kind of the default variant: an LSTM over windows, beside n-grams."""
