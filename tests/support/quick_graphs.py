"""Lets TensorFlow compile faster, for tests whose small models run a few times."""


def skip_graph_optimizers() -> None:
    """Leave out the optimizers of graphs from here on, which take a quarter of the time of compiling."""
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
