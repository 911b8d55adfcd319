"""What every kind of model is trained with: types, the split, and Keras's own loop."""
