"""Makes Keras train faster: an LSTM that computes the steps that a batch shares once, on all cores. Needs TensorFlow.

Everything else stays Keras's own: layers, variables, optimizer, order of the batches. A batch moves the weights as in
Keras, but for the last digits of a float; over many batches training is chaotic and makes those grow, as it does with
any other change of a last digit.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from models.lstm.engine import count_cores
from models.lstm.lstm_process import LstmProcesses

if TYPE_CHECKING:
    import keras

USUAL = {
    "activation": "tanh",
    "recurrent_activation": "sigmoid",
    "use_bias": True,
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "return_sequences": False,
    "return_state": False,
    "go_backwards": False,
    "stateful": False,
}
"""The options of an LSTM that `models.lstm.recurrence` computes."""


@contextmanager
def share_steps(model: "keras.Model") -> Iterator["keras.Model"]:
    """Give a compiled model with the same layers and variables as `model`, which trains faster.

    That is `model` itself where it has no LSTM that can be computed so: one LSTM in a row of layers, without masks and
    activity regularizers, with its usual activations, that gives its last state and drops nothing.
    """
    import keras

    place = _find_lstm(model)
    if place is None:
        yield model
        return
    layers = list(model.layers)
    first = place - 1 if place and type(layers[place - 1]) is keras.layers.Embedding else place
    with LstmProcesses(count_cores()) as processes:
        layers[first : place + 1] = [_wrap(layers[first : place + 1], processes)]
        faster = keras.Sequential([keras.Input(model.input_shape[1:], dtype=model.input_dtype), *layers])
        faster.compile_from_config(model.get_compile_config())
        yield faster


def _find_lstm(model: "keras.Model") -> int | None:
    """Find the only LSTM in a row of layers, if it can be computed so."""
    import keras

    places = [place for place, layer in enumerate(model.layers) if isinstance(layer, keras.layers.LSTM)]
    if not isinstance(model, keras.Sequential) or len(places) != 1:
        return None
    more = any(  # what is read or added by calling a layer, which a wrapped one is not
        isinstance(layer, keras.layers.Masking)
        or getattr(layer, "mask_zero", False)
        or layer.activity_regularizer is not None
        for layer in model.layers
    )
    return None if more or not _can_share(model.layers[places[0]]) else places[0]


def _can_share(lstm: Any) -> bool:
    """Say whether `models.lstm.recurrence` computes this LSTM."""
    import keras

    config = lstm.get_config()
    usual = all(config[name] == value for name, value in USUAL.items())
    return usual and type(lstm) is keras.layers.LSTM and lstm.compute_dtype == "float32"


def _wrap(layers: list[Any], processes: LstmProcesses) -> Any:
    """Make the layer that has the variables of an LSTM, and of an embedding before it, and computes in `processes`."""
    import keras
    import tensorflow as tf

    *embedding, lstm = layers

    class SharedSteps(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.wrapped = layers
            self.built = True
            self.supports_jit = False

        def call(self, inputs: Any) -> Any:
            cell = lstm.cell
            variables = [layer.embeddings for layer in embedding]
            variables += [cell.kernel, cell.recurrent_kernel, cell.bias]
            return (read_words if embedding else read_steps)(inputs, *map(tf.convert_to_tensor, variables))

    def compute(forward: Any, inputs: list[Any], weights: Sequence[Any]) -> tuple[Any, Callable[[Any], Any]]:
        last = tf.numpy_function(forward, [*inputs, *weights], tf.float32)
        last.set_shape((None, lstm.units))

        def differentiate(gradient: Any) -> tuple[Any, Any, list[Any]]:
            types = [inputs[-1].dtype if embedding else tf.int64, *[tf.float32] * 4]
            with tf.control_dependencies([last]):
                reads, of_reads, *of_weights = tf.numpy_function(processes.backward, [gradient], types)
            reads.set_shape((None,))
            of_reads.set_shape((None, inputs[0].shape[-1]))
            for part, weight in zip(of_weights, weights, strict=True):
                part.set_shape(weight.shape)
            return reads, of_reads, of_weights

        return last, differentiate

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def read_words(ids: Any, table: Any, *weights: Any) -> Any:
        last, differentiate = compute(processes.forward_words, [table, ids], weights)

        def spread(gradient: Any) -> list[Any]:
            reads, of_reads, of_weights = differentiate(gradient)
            return [None, tf.IndexedSlices(of_reads, reads, tf.shape(table)), *of_weights]

        return last, spread

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def read_steps(inputs: Any, *weights: Any) -> Any:
        last, differentiate = compute(processes.forward_steps, [inputs], weights)

        def spread(gradient: Any) -> list[Any]:
            reads, of_reads, of_weights = differentiate(gradient)
            count, steps, features = tf.unstack(tf.cast(tf.shape(inputs), tf.int64))
            of_inputs = tf.scatter_nd(reads[:, None], of_reads, (count * steps, features))
            return [tf.reshape(of_inputs, tf.shape(inputs)), *of_weights]

        return last, spread

    return SharedSteps()
