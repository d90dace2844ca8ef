"""An example of a network of one's own: separable convolutions, as in Xception (Chollet, 2017), with few weights.

    dvc exp run -S model.network=networks/separable.py -S model.pooling=average

`docs/training.md` says what such a file holds.
"""

from keras import layers


def features(images):
    """Return maps of ``images``, which come normalized: float32 (batch, height, width, channels)."""
    maps = images
    for width in (32, 64):
        maps = layers.SeparableConv2D(width, 3, padding="same", use_bias=False)(maps)
        maps = layers.BatchNormalization()(maps)
        maps = layers.ReLU()(maps)
        maps = layers.MaxPooling2D(2)(maps)
    return maps
