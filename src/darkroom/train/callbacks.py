"""Keras callbacks: dropout seeds, evaluation with EMA weights, the state of the training, and its progress."""

import hashlib
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

import keras
import numpy as np
from tqdm import tqdm

from darkroom.params import TrainParams
from darkroom.train.checkpoint import Arrays, State


class SeedDropout(keras.callbacks.Callback):
    """Seed the generators of dropout at the start of each epoch: by the seed, the epoch and the layer's name alone.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set them all."""
        for layer in self.model._flatten_layers():
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                digest = hashlib.blake2b(f"{self.seed} {epoch} {layer.name}".encode(), digest_size=8).digest()
                # Backends add the two halves, or count the second up: half of 32 bits leaves room for both.
                generator.state.assign(np.frombuffer(digest, "<u4") >> np.uint32(2))


class EvaluateWithEMA(keras.callbacks.Callback):
    """Evaluate with the EMA weights, where the optimizer keeps them.

    Keras's own ``SwapEMAWeights`` is not bit-exact on TensorFlow: it swaps by adding and subtracting.
    """

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Put the averages in place of the weights."""
        self._swap()

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Put the weights back."""
        self._swap()

    def _swap(self) -> None:
        optimizer = self.model.optimizer
        if optimizer.use_ema:
            pairs = zip(
                self.model.trainable_variables, optimizer._model_variables_moving_average, strict=True
            )
            for variable, average in pairs:
                value = keras.ops.copy(variable.value)
                variable.assign(average.value)
                average.assign(value)


class TrainingState(keras.callbacks.Callback):
    """Keep the history and the best weights, reduce the learning rate on a plateau, stop early, and save the state.

    Parameters
    ----------
    state : State
        Changed after each epoch.
    train : TrainParams
    save : callable
        Takes the state after each epoch; may end the training by an exception.
    """

    def __init__(self, state: State, train: TrainParams, save: Callable[[State], None]) -> None:
        super().__init__()
        self.state = state
        self.train = train
        self.save = save

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Take note of the epoch."""
        state, optimizer = self.state, self.model.optimizer
        row = {name: float(value) for name, value in (logs or {}).items()}
        row["learning_rate"] = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
        state.history.append(row)
        state.epoch = epoch + 1
        state.phase_epoch += 1
        self._compare(row.get("val_loss", row["loss"]))
        if self.train.schedule == "plateau" and state.plateau_waited >= self.train.plateau_patience:
            optimizer.learning_rate.assign(optimizer.learning_rate / self.train.plateau_factor)
            state.plateau_waited = 0
        state.weights = self.model.get_weights()
        state.optimizer = [keras.ops.convert_to_numpy(variable) for variable in optimizer.variables]
        if patience_over(state, self.train):
            self.model.stop_training = True
        self.save(state)

    def _compare(self, loss: float) -> None:
        state = self.state
        better = state.best_loss is None or loss < state.best_loss
        state.waited = 0 if better else state.waited + 1
        state.plateau_waited = 0 if better else state.plateau_waited + 1
        if better:
            state.best_loss, state.best_epoch = loss, state.epoch
        if better or not self.train.restore_best:
            state.best = _final_weights(self.model)


def patience_over(state: State, train: TrainParams) -> bool:
    """Return whether early stopping ends the phase now."""
    return train.early_stopping is not None and state.waited >= train.early_stopping


def _final_weights(model: Any) -> Arrays:
    """Return the weights that validation saw: the averages where there are any, else the model's own."""
    optimizer = model.optimizer
    averages: dict[int, Any] = {}
    if optimizer.use_ema:
        pairs = zip(model.trainable_variables, optimizer._model_variables_moving_average, strict=True)
        averages = {id(variable): average for variable, average in pairs}
    return [keras.ops.convert_to_numpy(averages.get(id(weight), weight)) for weight in model.weights]


class EpochLogger(keras.callbacks.Callback):
    """Print one line an epoch: metrics, images per second and the time left.

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


class ProgressBar(EpochLogger):
    """:class:`EpochLogger`, and within each epoch a bar that moves."""

    # Keras may hand over figures on another thread: training does not wait for the terminal.
    async_safe = True

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


def progress(epochs: int, images: int, steps: int, stream: TextIO | None = None) -> EpochLogger:
    """Return the callback that fits ``stream``, by default stderr: a bar would fill a log file with garbage."""
    stream = stream or sys.stderr
    return (
        ProgressBar(epochs, images, stream, steps) if stream.isatty() else EpochLogger(epochs, images, stream)
    )
