"""The kind of the three seed variants: an embedding, at most one convolution, one LSTM."""
