"""Converts a frozen TensorFlow graph to ONNX, in a subprocess: ``python -m darkroom.export.onnx_conversion``."""

import os
import subprocess
import sys
from pathlib import Path

OPSET = 15  # the converter's own choice, written down so that another version of it makes the same file


def convert(graph: Path, target: Path, names: dict[str, str]) -> None:
    """Convert a serialized GraphDef into an ONNX file.

    The converter's rewriting goes through sets of names, in an order that differs between processes of Python; one that
    starts with the hash seed fixed makes the same graph more often. Not always: of a large network two graphs were seen
    that compute the same in another arrangement.

    Parameters
    ----------
    graph, target : Path
        What to read and what to write.
    names : dict
        The tensor that is the input and the one that is the output, in this order: what to call them.
    """
    # -P: what lies in the current folder is not imported. -W: others' deprecated calls are no errors here.
    command = [
        sys.executable,
        "-P",
        "-W",
        "ignore",
        "-m",
        "darkroom.export.onnx_conversion",
        str(graph),
        str(target),
    ]
    done = subprocess.run(
        [*command, *names, *names.values()],
        env=os.environ | {"PYTHONHASHSEED": "0"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"tf2onnx failed:\n{done.stderr}")


def _main(graph: str, target: str, given: str, result: str, input_name: str, output_name: str) -> None:
    import tensorflow as tf
    import tf2onnx  # type: ignore[import-untyped]

    tf2onnx.convert.from_graph_def(
        tf.compat.v1.GraphDef.FromString(Path(graph).read_bytes()),
        input_names=[given],
        output_names=[result],
        tensors_to_rename={given: input_name, result: output_name},
        opset=OPSET,
        output_path=target,
    )


if __name__ == "__main__":
    _main(*sys.argv[1:])
