"""The training loop: phases of epochs over infinitely repeated batches, from the start or from a checkpoint."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from darkroom.params import TrainParams
from darkroom.train import applications, execution, optimizers
from darkroom.train.batches import training_batches, validation_batches
from darkroom.train.callbacks import EvaluateWithEMA, SeedDropout, TrainingState, patience_over, progress
from darkroom.train.checkpoint import State
from darkroom.train.config import Config
from darkroom.train.dataset import Dataset
from darkroom.train.processes import ALONE, Group
from darkroom.train.targets import Head


@dataclass(frozen=True)
class Phase:
    """Epochs with one optimizer: at most ``epochs`` of them at ``rate``, with the backbone frozen or not."""

    epochs: int
    rate: float
    frozen: bool


def _phases(config: Config) -> list[Phase]:
    """Return the phases of a training: one, and a second for fine-tuning where there is something to unfreeze.

    A head that is solved is one epoch, done before :func:`fit` begins (:mod:`darkroom.train.frozen_backbone`).
    """
    train, freeze = config.train, config.model.freeze
    first = Phase(1 if train.optimizer == "lbfgs" else train.epochs, train.learning_rate, freeze)
    fine_tuning = Phase(train.fine_tune_epochs, train.learning_rate / 10, frozen=False)
    return [first, fine_tuning] if freeze and train.fine_tune_epochs else [first]


def fit(
    model: Any,
    data: Dataset,
    config: Config,
    state: State,
    save: Callable[[State], None],
    group: Group = ALONE,
) -> None:
    """Train ``model`` from ``state`` to the end; ``state.best`` then holds the weights to keep.

    Parameters
    ----------
    model : keras.Model
        As built: its weights are replaced where ``state`` has some.
    data : Dataset
    config : Config
        With ``config.model.freeze`` the backbone is trained in the second phase only, and there as much of it as
        ``config.model.unfreeze`` says.
    state : State
        Changed after each epoch.
    save : callable
        Called with ``state`` after each epoch.
    group : Group
        The processes that train together; all call this, with the same.
    """
    train, unfreeze = config.train, config.model.unfreeze
    training, validation = data.training, data.validation
    plan = _phases(config)
    for earlier in plan[: state.phase]:
        # A later phase unfreezes what an earlier one froze, and leaves batch normalization as that found it.
        applications.freeze(model, earlier.frozen, unfreeze)
    for number in range(state.phase, len(plan)):
        if number != state.phase:
            state.phase, state.phase_epoch, state.waited, state.plateau_waited = number, 0, 0, 0
            state.optimizer, state.before = [], state.best
        phase = plan[number]
        applications.freeze(model, phase.frozen, unfreeze)
        total = state.epoch - state.phase_epoch + sum(later.epochs for later in plan[number:])
        if state.phase_epoch >= phase.epochs or patience_over(state, train):
            continue
        with training_batches(data.images, training, config, state.epoch, group=group) as batches:
            steps = batches.steps_per_epoch
            _compile(model, data.head, phase, train, steps, group)
            _restore(model, state)
            seen = len(training.rows) if train.steps_per_epoch is None else steps * train.batch_size
            last = state.epoch - state.phase_epoch + phase.epochs
            with validation_batches(data.images, validation, _SPAN, group) as held_out:
                model.fit(
                    batches,
                    initial_epoch=state.epoch,
                    epochs=last,
                    steps_per_epoch=steps,
                    shuffle=False,
                    validation_data=held_out if len(validation.rows) else None,
                    verbose=0,
                    callbacks=[
                        SeedDropout(config.seed),
                        EvaluateWithEMA(),
                        TrainingState(state, train, save),
                        *([progress(total, seen, steps)] if group.first else []),
                    ],
                )

    if state.before and len(validation.rows) and not train.restore_best:
        _keep_the_better(state)


def _keep_the_better(state: State) -> None:
    """End with the weights from before fine-tuning where these are right on more validation images.

    By accuracy, and by loss between equals: the strength of a solved head was chosen by the loss on these same images,
    so that its loss flatters it. Only the last epoch counts: the luckiest of several would flatter fine-tuning.
    """
    earlier = state.epoch - state.phase_epoch
    before, after = (state.history[epoch - 1] for epoch in (earlier, state.epoch))
    better = (after["val_accuracy"], -after["val_loss"]) > (before["val_accuracy"], -before["val_loss"])
    state.kept_epoch = state.epoch if better else earlier
    if not better:
        state.best = state.before
    print(
        f"train: fine-tuning {'kept' if better else 'not kept'}: on validation accuracy {after['val_accuracy']:.4f}, "
        f"loss {after['val_loss']:.4f}; before it {before['val_accuracy']:.4f}, {before['val_loss']:.4f}"
    )


_SPAN = 256  # images in a step of validation: what it computes does not depend on it, but the last bits do


def _compile(model: Any, head: Head, phase: Phase, train: TrainParams, steps: int, group: Group) -> None:
    losses = {"sigmoid": keras.losses.BinaryCrossentropy, "softmax": keras.losses.CategoricalCrossentropy}
    optimizer = optimizers.build(train, phase.rate, steps * phase.epochs)
    accuracy = keras.metrics.MeanMetricWrapper if group.count == 1 else _OfImages
    model.compile(
        optimizer=optimizer,
        loss=losses[head](),
        metrics=[accuracy(_right[head], name="accuracy")],
        jit_compile=execution.jit_compile(train),
    )
    optimizer.build(model.trainable_variables)


class _OfImages(keras.metrics.MeanMetricWrapper):
    """The mean over all but the images that only fill a batch up: their targets are -1."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Take note of a batch."""
        return super().update_state(y_true, y_pred, keras.ops.cast(y_true[:, 0] >= 0, "float32"))


def _restore(model: Any, state: State) -> None:
    if state.weights:
        model.set_weights(state.weights)
    for variable, value in zip(model.optimizer.variables, state.optimizer, strict=bool(state.optimizer)):
        variable.assign(value)


def _right_of_two(y_true: Any, y_pred: Any) -> Any:
    # Smoothed and mixed targets are parts of 1; the class is the larger part.
    return keras.ops.cast(keras.ops.equal(y_true[:, 0] > 0.5, y_pred[:, 0] > 0.5), "float32")


def _right_of_many(y_true: Any, y_pred: Any) -> Any:
    right = keras.ops.equal(keras.ops.argmax(y_true, axis=-1), keras.ops.argmax(y_pred, axis=-1))
    return keras.ops.cast(right, "float32")


_right = {"sigmoid": _right_of_two, "softmax": _right_of_many}
