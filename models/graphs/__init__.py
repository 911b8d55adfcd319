"""ONNX graphs of Keras models: how they are built, opened and fed in batches."""
