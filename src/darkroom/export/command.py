"""The implementation of `darkroom export`, called by the command-line interface."""

import sys
from pathlib import Path
from typing import Any

from darkroom import UserError
from darkroom.decode.archives import names
from darkroom.evaluate.classifier import described, start_backend
from darkroom.export import formats, metadata, output, parity, parity_images
from darkroom.export.formats import Format
from darkroom.export.silence import quiet
from darkroom.predict.model import load


def run(
    model: Path,
    to: str,
    destination: Path | None,
    images: list[Path],
    force: bool,
    project: Path,
    *,
    int8: bool = False,
) -> str:
    """Export a model, check it, and return what to tell the user.

    Parameters
    ----------
    model : Path
        ``model.keras`` with ``model.json`` beside it, or their folder.
    to : str
        onnx, tflite or savedmodel.
    destination : Path, optional
        The file, or for savedmodel the folder, to write; by default in the current folder.
    images : list of Path
        Pictures, folders and archives to check on; none: test images of the pipeline.
    force : bool
        Replace what an earlier export wrote there.
    project : Path
        The folder with ``data/``.
    int8 : bool
        Quantize to whole numbers; tflite alone.

    Raises
    ------
    UserError
        The format, the model, the images or the destination will not do, or the exported model differs from Keras;
        nothing is written then.
    """
    format = formats.named(to)
    file, description = described(model)
    path = output.destination(destination, file, format, force)
    if int8:
        if format.name != "tflite" or images:
            what = "--images" if images else f"--to {format.name}"
            raise UserError(
                f"{what}: --int8 is for --to tflite, calibrated and checked on images of the pipeline, whose classes "
                "are known; leave one of the two out"
            )
        with output.staged(path) as part, quiet():
            _start(description)
            return f"{path}: {_quantized(model, format, part, project)}"
    with (
        parity_images.opened(images, project, tuple(description["shape"])) as chosen,
        output.staged(path) as part,
        quiet(),
    ):
        _start(description)
        agreement = _written(model, format, part, chosen)
    for one in chosen.bad:
        print(f"{names.shown(one.id)}: {names.shown(one.why)}", file=sys.stderr)
    return f"{path}: {_words(agreement, chosen)}"


def _start(description: dict[str, Any]) -> None:
    # Always on TensorFlow, which alone writes all formats: weights are portable. And on its CPU, since a GPU may round
    # products to fewer digits than the tolerance allows.
    start_backend(description, "tensorflow", "cpu", "darkroom export")


def _quantized(model: Path, format: Format, part: Path, project: Path) -> str:
    from darkroom.export import int8

    certificate, calibration = int8.write(
        load(model, parity_images.BATCH, "tensorflow"), format, part, project
    )
    return (
        f"in whole numbers (int8), scaled on {calibration} training images; of {certificate.images} test images "
        f"{certificate.accuracy:.4f} are right, {certificate.beside} beside Keras"
    )


def _written(model: Path, format: Format, part: Path, chosen: parity_images.Pictures) -> parity.Agreement:
    from darkroom.export.serving_function import Graph

    loaded = load(model, parity_images.BATCH, "tensorflow")
    writer = format.writer
    writer.write(Graph(loaded.network), part, metadata.about(loaded, format))
    return parity.compare(loaded.probabilities, writer.runtime(part), chosen.batches(loaded.prepare))


def _words(agreement: parity.Agreement, chosen: parity_images.Pictures) -> str:
    same = "all" if agreement.same == agreement.images else f"{agreement.same}"
    return (
        f"checked against Keras on {agreement.images} {chosen.kind}: at most {agreement.largest:.1e} apart in the "
        f"probability of a class ({parity.TOLERANCE:g} is allowed), the same class for {same} of them"
    )
