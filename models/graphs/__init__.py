"""ONNX graphs of Keras models: building them, opening them, and running them in batches."""
