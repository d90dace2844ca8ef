"""Figures made of images: samples, mistakes, channels, augmentation and occlusion maps."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from matplotlib.figure import Figure

from darkroom.array_types import Pixels, Rows
from darkroom.plot.occlusion_overlay import overlay
from darkroom.plot.stage_outputs import Results
from darkroom.plot.style import shortened

Channels = dict[str, Pixels]

LEFT_TO_RIGHT = "\u200e"

GAP = 0.08
"""Between the pictures of a grid, inches."""


def pictures(results: Results, most: int, names: Mapping[str, str]) -> dict[str, Figure]:
    """Return every grid of images by its name; no grid of mistakes where there is none.

    ``most`` is the number of images in a grid, at most; ``names`` says how each class is called.
    """
    rows = sample_rows(results, most)
    labels = results.source.index["label"].iloc[rows]
    original, nine = results.augmented["original"], results.augmented["augmented"]
    figures = {
        "samples": grid(list(results.source.take(rows)), [shortened(names[label]) for label in labels]),
        "channels": grid(list(channels(original).values()), list(channels(original))),
        "augmented": grid([original, *nine], ["as it came", *[""] * len(nine)], columns=5),
    }
    mistakes = results.mistakes[:most]
    if len(mistakes):
        captions = [
            f"{_arrow(names[row['label']], names[row['predicted']])}\n{100 * row['confidence']:.1f} %"
            for row in mistakes.to_dict("records")
        ]
        figures["mistakes"] = grid(list(results.pixels_of(mistakes["id"])), captions)
    if len(results.occlusion["ids"]):
        images = results.pixels_of(list(results.occlusion["ids"]))
        pairs = [overlay(image, heat) for image, heat in zip(images, results.occlusion["maps"], strict=True)]
        captions = [text for _ in pairs for text in ("", "what mattered")]
        both = [picture for pair in zip(images, pairs, strict=True) for picture in pair]
        figures["occlusion"] = grid(both, captions, columns=4 if len(pairs) > 1 else 2)
    return figures


def _arrow(true: str, predicted: str) -> str:
    """Return the two classes of a mistake, the true one on the left in Arabic too: the marks have no width."""
    return f"{LEFT_TO_RIGHT}{shortened(true, 12)}{LEFT_TO_RIGHT} → {LEFT_TO_RIGHT}{shortened(predicted, 12)}"


def sample_rows(results: Results, most: int) -> Rows:
    """Return the rows of at most ``most`` training images, as many of each class as can be, classes in turn.

    Which ones is settled by their files' sha256: as good as chance, and always the same.
    """
    index = results.source.index.assign(row=range(len(results.source)))
    train = index[results.parts["split"].to_numpy() == "train"].sort_values(["sha256", "id"])
    turns = train.assign(turn=train.groupby("label").cumcount()).sort_values(["turn", "label"], kind="stable")
    if len(results.classes) > most:  # every so many classes one, not only those whose names come first
        turns = turns.iloc[np.linspace(0, len(results.classes) - 1, most).astype(int)]
    chosen = turns[:most].sort_values(["label", "turn"], kind="stable")
    return chosen["row"].to_numpy(np.int64)


def channels(image: Pixels) -> Channels:
    """Return the image and, where it has colour, each channel as a grey image: uint8, (height, width, 1 or 3)."""
    if image.shape[2] == 1:
        return {"grey": image}
    return {"all channels": image} | {
        name: image[..., number : number + 1] for number, name in enumerate(("red", "green", "blue"))
    }


def coloured(image: Pixels) -> Pixels:
    """Return the image with three channels: uint8, (height, width, 3)."""
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image


def grid(images: Sequence[Pixels], captions: Sequence[str], columns: int | None = None) -> Figure:
    """Lay images out in a grid, each with its caption below.

    Parameters
    ----------
    images : sequence of uint8 arrays, (height, width, 1 or 3)
        All of one height and width.
    captions : sequence of str
        One an image, of one line or two.
    columns : int, optional
        As many as make a near-square by default.
    """
    columns = columns or min(len(images), max(2, round(len(images) ** 0.5)))
    lines = -(-len(images) // columns)
    height, width = images[0].shape[:2]
    cell = 1.15  # inches
    tall = cell * min(2.0, max(0.5, height / width))
    text = 0.17 * max(caption.count("\n") + bool(caption) for caption in captions) + 0.08
    wide, high = columns * (cell + GAP) - GAP, lines * (tall + text)
    figure = Figure(figsize=(wide, high))
    figure.set_layout_engine("none")
    # One pair of axes for all, measured in inches: one a picture would take ten times as long.
    axes = figure.add_axes((0, 0, 1, 1))
    for number, (image, caption) in enumerate(zip(images, captions, strict=True)):
        line, column = divmod(number, columns)
        left, top = column * (cell + GAP), line * (tall + text)
        axes.imshow(
            _fitted(coloured(image), round(150 * tall)),
            interpolation="nearest",
            aspect="auto",
            extent=(left, left + cell, top + tall, top),
        )
        axes.text(left + cell / 2, top + tall + 0.03, caption, ha="center", va="top", fontsize=7.5)
    axes.set(xlim=(0, wide), ylim=(high, 0))
    axes.set_axis_off()
    return figure


def _fitted(image: Pixels, pixels_high: int) -> Pixels:
    """Shrink what has more pixels than are shown; small images keep theirs, seen as squares."""
    if image.shape[0] <= pixels_high:
        return image
    width = max(1, round(image.shape[1] * pixels_high / image.shape[0]))
    return np.asarray(cv2.resize(image, (width, pixels_high), interpolation=cv2.INTER_AREA), np.uint8)
