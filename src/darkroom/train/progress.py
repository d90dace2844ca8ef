"""What the user sees of a training: a bar where there is a terminal, one line an epoch in any case."""

import sys
import time
from typing import Any, TextIO

import keras
from tqdm import tqdm


class Lines(keras.callbacks.Callback):
    """One line an epoch: figures, images per second and the time left.

    Parameters
    ----------
    epochs : int
        At most, of the whole training.
    images : int
        Seen in an epoch.
    stream : text file
    """

    def __init__(self, epochs: int, images: int, stream: TextIO) -> None:
        super().__init__()
        self.epochs = epochs
        self.images = images
        self.stream = stream
        self._begin = 0.0
        self._first: int | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        now = time.monotonic()
        if self._first is None:
            self._first, self._started = epoch, now
        self._begin = now

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Stop the clock of training: images per second leave validation out."""
        self._trained = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print the line."""
        now = time.monotonic()
        trained = getattr(self, "_trained", now)
        seconds = (trained if trained > self._begin else now) - self._begin
        figures = "  ".join(
            f"{name} {value:.4f}" for name, value in (logs or {}).items() if name != "learning_rate"
        )
        done = epoch + 1 - (self._first or 0)
        left = (now - self._started) / done * (self.epochs - epoch - 1)
        print(
            f"epoch {epoch + 1}/{self.epochs}  {figures}  "
            f"{self.images / max(seconds, 1e-9):,.0f} images/s  {tqdm.format_interval(left)} left",
            file=self.stream,
            flush=True,
        )


class Bar(Lines):
    """:class:`Lines`, and within each epoch a bar that moves."""

    async_safe = (
        True  # Keras may hand over figures on another thread: training does not wait for the terminal
    )

    def __init__(self, epochs: int, images: int, stream: TextIO, steps: int) -> None:
        super().__init__(epochs, images, stream)
        self.steps = steps

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Open the bar."""
        super().on_epoch_begin(epoch, logs)
        self._bar = tqdm(
            total=self.images,
            desc=f"epoch {epoch + 1}/{self.epochs}",
            unit=" images",
            leave=False,
            mininterval=0.2,
            file=self.stream,
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        self._bar.set_postfix(logs or {}, refresh=False)
        self._bar.update(self.images * (batch + 1) // self.steps - self._bar.n)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Put the line in the place of the bar."""
        self._bar.close()
        super().on_epoch_end(epoch, logs)


def progress(epochs: int, images: int, steps: int, stream: TextIO | None = None) -> Lines:
    """Return the callback that fits ``stream``, by default stderr: a bar would fill a log file with garbage."""
    stream = stream or sys.stderr
    return Bar(epochs, images, stream, steps) if stream.isatty() else Lines(epochs, images, stream)
