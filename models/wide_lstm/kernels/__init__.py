"""Computes the convolution and the n-grams of the wide LSTM: in NumPy, or by compiled code for many reviews."""
