"""How often the intervals hold and the verdicts err: each on outcomes drawn where the truth is known.

    python benchmarks/intervals.py     # prints the table of docs/evidence.md, two minutes

Models are simulated by their outcomes: an image is right with a probability of its own, images of a group have one in
common. The intervals are meant to hold in 95 of 100 draws, the verdicts to err in 5 of 100 at most.
"""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from darkroom import intervals
from darkroom.compare import statistics
from darkroom.evaluate import operating_point, selective
from darkroom.evaluate.group_accuracy import by_group
from darkroom.params.evaluate import AbstainParams

DRAWS = 2000
Bools = npt.NDArray[np.bool_]
Interval = tuple[float, float]


def held(truth: float, interval: Callable[[np.random.Generator], Interval], draws: int = DRAWS) -> float:
    """Return the share of draws in which the interval holds ``truth``."""
    generator = np.random.default_rng(0)
    found = (interval(generator) for _ in range(draws))
    return sum(low <= truth <= high for low, high in found) / draws


def pair(images: int, gain: float, generator: np.random.Generator) -> tuple[int, int]:
    """Return how many images only A and only B gets right: both err on the same hard ones, B less by ``gain``."""
    hard = generator.random(images) < 0.3
    a, b = (generator.random(images) < np.where(hard, 0.5 + more, 0.95) for more in (0, gain / 0.3))
    return int((a & ~b).sum()), int((b & ~a).sum())


def of_shares() -> Iterator[tuple[str, str, str, float]]:
    """Yield rows of intervals of one share, and of the difference of two."""
    for share, images in ((0.8, 60), (0.95, 60), (0.95, 359), (0.995, 359)):

        def one(generator: np.random.Generator, p: float = share, n: int = images) -> Interval:
            return intervals.wilson(int(generator.binomial(n, p)), n)

        yield "accuracy", f"{images} images, {share:g}", "Wilson", held(share, one)

    def gap(generator: np.random.Generator) -> Interval:
        return intervals.newcombe(
            int(generator.binomial(1000, 0.97)), 1000, int(generator.binomial(200, 0.9)), 200
        )

    yield "training less test", "1,000 and 200 images, 0.97 and 0.9", "Newcombe", held(0.07, gap)
    for images, gain in ((60, 0.0), (60, 0.1), (400, 0.05)):

        def paired(generator: np.random.Generator, n: int = images, more: float = gain) -> Interval:
            return statistics.paired_interval(*pair(n, more, generator), n)

        yield "B less A, same images", f"{images} images, {gain:g}", "Tango", held(gain, paired)


def of_groups() -> Iterator[tuple[str, str, str, float]]:
    """Yield rows of the accuracy where images of one group err together."""
    for groups, images in ((20, 10), (60, 5)):

        def outcomes(
            generator: np.random.Generator, g: int = groups, n: int = images
        ) -> tuple[Bools, list[str]]:
            # Of 0.9 on average; the groups differ with a deviation of 0.09.
            shares = np.repeat(generator.beta(9, 1, g), n)
            return generator.random(g * n) < shares, [str(group) for group in np.repeat(np.arange(g), n)]

        def clustered(
            generator: np.random.Generator, draw: Callable[..., tuple[Bools, list[str]]] = outcomes
        ) -> Interval:
            found = by_group(*draw(generator))
            return found["accuracy_low_by_group"], found["accuracy_high_by_group"]

        def alone(
            generator: np.random.Generator, draw: Callable[..., tuple[Bools, list[str]]] = outcomes
        ) -> Interval:
            right, _ = draw(generator)
            return intervals.wilson(int(right.sum()), len(right))

        case = f"{groups} groups of {images}"
        yield "accuracy by groups", case, "bootstrap of groups", held(0.9, clustered, 500)
        yield "accuracy by groups, taken for images", case, "Wilson", held(0.9, alone)


def of_runs() -> Iterator[tuple[str, str, str, float]]:
    """Yield rows of repeated runs."""

    def mean(generator: np.random.Generator) -> Interval:
        found = statistics.spread(generator.normal(0.9, 0.01, 5).tolist())
        return found.low, found.high

    yield "mean of runs", "5 seeds", "Student's t", held(0.9, mean)


def of_decisions() -> Iterator[tuple[str, str, str, float]]:
    """Yield rows of predictive values and of answers."""
    for sensitivity, specificity, prevalence in ((0.9, 0.8, 0.2), (0.95, 0.95, 0.05), (0.95, 0.999, 0.01)):
        right = sensitivity * prevalence
        truth = right / (right + (1 - specificity) * (1 - prevalence))

        def value(
            generator: np.random.Generator,
            se: float = sensitivity,
            sp: float = specificity,
            at: float = prevalence,
        ) -> Interval:
            called, passed = int(generator.binomial(90, se)), int(generator.binomial(90, sp))
            return operating_point.predictive_value((called, 90), (passed, 90), at)[1:]

        case = f"90 and 90 images, {sensitivity:g} and {specificity:g}, prevalence {prevalence:g}"
        yield "positive predictive value", case, "Jeffreys", held(truth, value)


def verdicts() -> Iterator[tuple[str, str, str, float]]:
    """Yield rows of what is said of models that are equally good, and of how often a promise is broken."""
    generator = np.random.default_rng(0)
    for images in (60, 359):
        called = sum(statistics.mcnemar(*pair(images, 0, generator)) < statistics.ALPHA for _ in range(DRAWS))
        yield "B is better, or A", f"{images} images", "McNemar, exact", called / DRAWS
    for name, test in (("paired by seed", statistics.paired), ("Welch", statistics.welch)):
        found = (test(*(generator.normal(0.9, 0.01, 5).tolist() for _ in range(2))) for _ in range(DRAWS))
        yield (
            "B is better, or A",
            "5 and 5 runs",
            name,
            sum(one.p < statistics.ALPHA for one in found) / DRAWS,
        )
    for images, power in ((120, 0.25), (400, 0.5), (2000, 1)):
        yield (
            "more answers wrong than promised",
            f"{images} images",
            "fallback",
            _broken(images, power, generator),
        )


def _broken(images: int, power: float, generator: np.random.Generator) -> float:
    """Return how often the error of what is answered is above 0.05, for confidences that are beta(4, 1)."""
    abstain, broken = AbstainParams(error=0.05, confidence=0.95), 0
    for _ in range(DRAWS):
        confidence = generator.beta(4, 1, images).astype(np.float32)
        right = generator.random(images) < ((1 + confidence) / 2) ** power
        least = selective.threshold(right, confidence, abstain)
        if least is not None:
            answered = np.linspace(least, 1, 501)
            error = np.average(1 - ((1 + answered) / 2) ** power, weights=beta(4, 1).pdf(answered))
            broken += bool(error > abstain.error)
    return broken / DRAWS


def main() -> None:
    print("| interval of | drawn | method | holds in |\n|---|---|---|---|")
    for rows in (of_shares(), of_groups(), of_runs(), of_decisions()):
        for what, case, method, share in rows:
            print(f"| {what} | {case} | {method} | {100 * share:.1f} % |", flush=True)
    print("\n| said of equal models | drawn | method | in |\n|---|---|---|---|")
    for what, case, method, share in verdicts():
        print(f"| {what} | {case} | {method} | {100 * share:.1f} % |", flush=True)


if __name__ == "__main__":
    main()
