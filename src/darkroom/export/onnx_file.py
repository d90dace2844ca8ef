"""ONNX export: one file, run by onnxruntime and most other runtimes."""

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import onnx
import onnxruntime  # type: ignore[import-untyped]
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from darkroom.array_types import Pixels
from darkroom.evaluate.classifier import Probabilities
from darkroom.export.formats import Runtime
from darkroom.export.metadata import NAME
from darkroom.export.onnx_conversion import convert
from darkroom.export.serving_function import INPUT, OUTPUT, Graph


def write(graph: Graph, path: Path, about: dict[str, Any]) -> None:
    """Write ``graph`` as one ``.onnx`` file; ``about`` as JSON in its metadata, under ``darkroom``."""
    # Constants first: given the function itself, the converter takes the statistics of a normalization for inputs.
    frozen = convert_variables_to_constants_v2(graph.signature)
    (given,), (result,) = frozen.inputs, frozen.outputs
    with tempfile.TemporaryDirectory(prefix="darkroom-export-") as folder:
        source, target = Path(folder, "graph.pb"), Path(folder, "model.onnx")
        source.write_bytes(frozen.graph.as_graph_def(add_shapes=True).SerializeToString(deterministic=True))
        convert(source, target, {given.name: INPUT, result.name: OUTPUT})
        model = onnx.load(target)
    _name(model.graph)
    onnx.helper.set_model_props(model, {NAME: json.dumps(about, ensure_ascii=False)})
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def runtime(path: Path) -> Runtime:
    """Open the file with onnxruntime, on the CPU."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def classify(pixels: Pixels) -> Probabilities:
        return session.run([OUTPUT], {INPUT: pixels})[0]

    return classify


def _name(graph: Any) -> None:
    """Name all nodes, tensors and weights by where they stand.

    The converter numbers what it adds, by which names say nothing, and picks the name among those of equal constants.
    """
    constants = {tensor.name: tensor for tensor in graph.initializer}
    names = {value.name: value.name for value in (*graph.input, *graph.output)}
    used: list[Any] = []
    taken: set[str] = set(names)
    for node in graph.node:
        node.name = _free(re.sub(r"__\d+$", "", node.name), taken)
        for position, name in enumerate(node.input):
            if name in constants and name not in names:
                names[name] = _free(f"{node.name}/input{position}", taken)
                used.append(constants[name])
        for name in node.output:
            names.setdefault(name, _free(f"{node.name}/output", taken))
        node.input[:] = [names[name] if name else "" for name in node.input]  # "": an input left out
        node.output[:] = [names[name] for name in node.output]
    for tensor in used:
        tensor.name = names[tensor.name]
    for field, kept in ((graph.initializer, used), (graph.value_info, [])):
        del field[:]
        field.extend(kept)
    graph.name = "darkroom"
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "images"


def _free(name: str, taken: set[str]) -> str:
    """Return ``name``, or the first of ``name_2``, ``name_3`` … that is not taken, and take it."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free)
    return free
