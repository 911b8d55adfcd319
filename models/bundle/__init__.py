"""The folder that holds a trained model, and the scorer that is loaded from it."""
