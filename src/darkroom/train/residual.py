"""A small residual network for images of any size, trained from scratch."""

from collections.abc import Callable
from typing import Any, Literal

from keras import layers

from darkroom import UserError


def stages(
    x: Any, widths: list[list[int]], stem_stride: int | Literal["auto"], initializer: Callable[[str], Any]
) -> Any:
    """Return the maps of a residual network: a stem, then one stage a list in ``widths``, one block a width.

    The stem is a convolution whose windows overlap at any stride: 3x3 for a stride of 1, 5x5 for 2, and so on. A
    block is two 3x3 convolutions with batch normalization around a shortcut (He et al., "Deep residual learning for
    image recognition", 2016). The first block of each stage halves the maps. Where size or width change, the
    shortcut is an average pool and a 1x1 convolution, so that no pixel is skipped, and the last normalization of
    each block starts at zero, so that it starts as its shortcut (both: He et al., "Bag of tricks for image
    classification", 2019).

    Parameters
    ----------
    x : tensor, (n, height, width, channels)
    widths : list of list of int
    stem_stride : int or "auto"
        auto: 1 for images below 64 pixels, 2 below 96, 3 below 128, else 4. The first stage then sees maps of 32
        pixels or more, and a large image costs hardly more than a small one.
    initializer : callable
        Returns the seeded kernel initializer for the name of a layer.

    Raises
    ------
    UserError
        There are more stages than the image can be halved.
    """
    height, width = x.shape[1:3]
    side = min(height, width)
    stride = min(max(side // 32, 1), 4) if stem_stride == "auto" else stem_stride
    if side < stride * 2 ** len(widths):
        after = f" after a stem of stride {stride}" if stride > 1 else ""
        raise UserError(
            f"params.yaml: model.blocks: {len(widths)} stages{after} halve the image {len(widths)} times, too often "
            f"for {height}x{width} pixels; expected fewer stages or a larger image.resolution"
        )
    x = _conv_norm(x, widths[0][0], 2 * stride + 1, stride, "stem", initializer)
    x = layers.ReLU(name="stem_relu")(x)
    for stage, blocks in enumerate(widths, 1):
        for number, filters in enumerate(blocks, 1):
            x = _block(x, filters, 2 if number == 1 else 1, f"stage{stage}_block{number}", initializer)
    return x


def _block(x: Any, filters: int, stride: int, name: str, initializer: Callable[[str], Any]) -> Any:
    shortcut = x
    if stride > 1:
        shortcut = layers.AveragePooling2D(2, padding="same", name=f"{name}_shortcut_pool")(shortcut)
    if x.shape[-1] != filters:
        shortcut = _conv_norm(shortcut, filters, 1, 1, f"{name}_shortcut", initializer)
    y = _conv_norm(x, filters, 3, stride, f"{name}_a", initializer)
    y = layers.ReLU(name=f"{name}_a_relu")(y)
    y = _conv_norm(y, filters, 3, 1, f"{name}_b", initializer, gamma="zeros")
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([shortcut, y]))


def _conv_norm(
    x: Any,
    filters: int,
    kernel: int,
    stride: int,
    name: str,
    initializer: Callable[[str], Any],
    gamma: str = "ones",
) -> Any:
    conv = f"{name}_conv"
    x = layers.Conv2D(
        filters,
        kernel,
        stride,
        padding="same",
        use_bias=False,
        kernel_initializer=initializer(conv),
        name=conv,
    )(x)
    # 0.9 follows the images within an epoch or two; Keras' 0.99 would lag behind on the small data sets seen here.
    return layers.BatchNormalization(momentum=0.9, gamma_initializer=gamma, name=f"{name}_norm")(x)
