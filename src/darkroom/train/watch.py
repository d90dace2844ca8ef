"""What happens around the epochs of a fit: seeds set, the best weights kept, the rate cut, the state saved."""

import hashlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from darkroom.params import TrainParams
from darkroom.train.checkpoint import Arrays, State


class Seeds(keras.callbacks.Callback):
    """Sets the generators of dropout at the start of each epoch, from the seed, the epoch and the layer's name alone.

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


class Averages(keras.callbacks.Callback):
    """Has validation see the averaged weights, where the optimizer keeps an average."""

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


class Watch(keras.callbacks.Callback):
    """Keeps the history and the best weights, cuts the learning rate, ends a phase, and saves the state.

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
