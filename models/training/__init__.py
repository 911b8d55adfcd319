"""What every kind of model is trained with: types, the validation split, and Keras's `fit`."""
