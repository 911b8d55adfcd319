"""Training shared by all kinds of model: types, the validation split, and Keras's `fit`."""
