"""Repeats a training with different seeds, as DVC experiments, to measure the spread of its metrics."""
