"""Makes graphs as earlier versions exported them: bundles that they trained must still score."""

import json

import numpy as np
from numpy.typing import NDArray

from models.graphs.builder import Graph
from models.graphs.session import GEOMETRY
from models.wide_lstm.engine import CONVOLUTION

Values = NDArray[np.float32]


def compute_convolution_in_graph(content: bytes) -> bytes:
    """Change a graph of a wide LSTM into one that computes the convolution itself and takes no `pooled`."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(content)
    kept = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    given = {
        node.output[0]: kept[node.input[0]] for node in model.graph.node if node.output[0] in CONVOLUTION
    }
    step = json.loads({each.key: each.value for each in model.metadata_props}[GEOMETRY])["step"]
    vectors, kernel, bias = (given[name] for name in CONVOLUTION)
    graph = _add_convolution(vectors, kernel, bias, step)
    others = [node for node in model.graph.node if node.output[0] not in CONVOLUTION]
    del model.graph.node[:]
    model.graph.node.extend([*graph.nodes, *others])
    model.graph.initializer.extend(graph.constants)
    for values, unwanted in ((model.graph.output, CONVOLUTION), (model.graph.input, ("pooled",))):
        wanted = [each for each in values if each.name not in unwanted]
        del values[:]
        values.extend(wanted)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def keep_first_weighting(content: bytes) -> bytes:
    """Change a graph of a wide LSTM into one whose n-grams have one weighting, and so one logit for each view."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(content)
    names = {node.input[0]: node.output[0] for node in model.graph.node if node.op_type == "Identity"}
    cut = {
        "ngram_ratio": lambda values: values[:, 0],
        "ngram_weight": lambda values: values[:, 0],
        "blend": lambda values: values[[0, 1, 3]],
        "biases": lambda values: values[[0, 1, 3]],
    }
    for kept in model.graph.initializer:
        name = names.get(kept.name)
        if name in cut:
            kept.CopyFrom(numpy_helper.from_array(cut[name](numpy_helper.to_array(kept)).copy(), kept.name))
    for output in model.graph.output:
        if output.name in cut:
            size = {"blend": 3, "biases": 3}.get(output.name)
            shape = output.type.tensor_type.shape
            del shape.dim[1:]
            if size:
                shape.dim[0].dim_value = size
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _add_convolution(vectors: Values, kernel: Values, bias: Values, step: int) -> Graph:
    """Return the operators from `ids` to `pooled`: a sum of rows that are looked up in a table for each place."""
    graph = Graph()
    before = (len(kernel) - 1) // 2
    padded = graph.add("Pad", "ids", graph.keep(np.array([0, before, 0, len(kernel) - 1 - before])))
    words = graph.keep(vectors * (np.arange(len(vectors)) > 0)[:, None].astype(np.float32))
    name = graph.keep(bias)
    for place in range(len(kernel)):
        stop = place - len(kernel) + 1 or np.iinfo(np.int64).max
        ends = [graph.keep(np.array([number])) for number in (place, stop, 1)]
        table = graph.add("MatMul", words, graph.keep(kernel[place]))
        name = graph.add("Add", graph.add("Gather", table, graph.add("Slice", padded, *ends)), name)
    shape = graph.keep(np.array([0, -1, step, len(bias)]))
    grouped = graph.add("Reshape", graph.add("Relu", name), shape)
    graph.add(
        "Transpose",
        graph.add("ReduceMax", grouped, axes=[2], keepdims=0),
        outputs=["pooled"],
        perm=[1, 0, 2],
    )
    return _rename(graph)


def _rename(graph: Graph) -> Graph:
    """Give all names but the graph's own inputs and outputs a prefix, since another graph has the same ones."""
    for node in graph.nodes:
        for names in (node.input, node.output):
            for position, name in enumerate(names):
                if name not in ("ids", "pooled"):
                    names[position] = f"earlier_{name}"
    for constant in graph.constants:
        constant.name = f"earlier_{constant.name}"
    return graph
