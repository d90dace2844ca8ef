"""Every parameter acts: another value, `dvc repro` with a warm run cache, and the output is another one.

What a parameter does is tested where its code is. Here it goes the way of a user, through dvc.yaml, DVC's caches and
the stage's door, which once gave an old result for a new value. Back at the first value, the cache gives the first
output. Only train, where a process costs seconds, takes most values in one: its door is entered for each, as DVC would
(that DVC hears each is tested in test_run_cache.py).
"""

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from ruamel.yaml import YAML

from tests.pipeline.conftest import Repository
from tests.pipeline.test_declarations import leaves
from tests.pipeline.test_run_cache import LOCK

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

REPEATS = {"images.json", "summary.json", "MD5SUMS", "model.json"}
"""Files that repeat the params, so that they differ whatever came of them."""

CHANGES, SAME, REFUSED = "changes the output", "leaves the output as it was", "is refused"

BASE = {
    "source.kind": "local",
    "source.path": "tiny",
    "image.color": "rgb",
    "image.resolution": [20, 24],
    "split.train": 0.6,
    "split.validation": 0.2,
    "model.blocks": [[4]],
    "model.dense": [8],
    "augment.rotation": 0,
    "augment.shift": 0,
    "augment.zoom": [1, 1],
    "train.epochs": 2,
    "train.batch_size": 8,
    "train.schedule": "constant",
    "evaluate.occlusion": 1,
    "plot.samples": 4,
    "plot.dpi": 50,
}

BUNDLED = {"source.kind": "bundled"}
OX = BUNDLED | {"source.name": "ox"}
PARTED = {"source.path": "parted"}
FILENAME = {"labels.kind": "filename"}
CSV = {"labels.kind": "csv", "labels.file": "first.csv", "labels.encoding": "cp1252"}
BOXES = {"image.boxes": "boxes.csv"}
RESNET = {"model.network": "resnet", "model.blocks": [[4], [8]]}
APPLICATION = {"model.network": "application", "image.resolution": 32, "train.epochs": 1}
WEIGHTS = APPLICATION | {"model.weights": "data/weights/own.weights.h5"}
FROZEN = WEIGHTS | {"model.freeze": True}
PLATEAU = {
    "train.schedule": "plateau",
    "train.plateau_patience": 1,
    "train.learning_rate": 1.0,
    "train.epochs": 10,
}
SHIFTED = {"augment.shift": 0.3}
SGD = {"train.optimizer": "sgd"}


class Case(NamedTuple):
    """Another value of a parameter, where all others stand as in ``BASE`` and ``context``, and what comes of it.

    ``also`` are parameters that have to change with it.
    """

    value: Any
    context: Mapping[str, Any] = MappingProxyType({})
    outcome: str = CHANGES
    also: Mapping[str, Any] = MappingProxyType({})


CASES: dict[str, dict[str, Case]] = {
    "fetch": {
        "source.kind": Case("bundled"),
        "source.name": Case("ox", BUNDLED),
        "source.seed": Case(1, OX),
        "source.path": Case("parted"),
    },
    "decode": {
        "labels.kind": Case("filename"),
        "labels.depth": Case(2),
        "labels.split_folders": Case("never", PARTED),
        "labels.pattern": Case(r"(?P<label>\d)\.(png|jpg)$", FILENAME),
        "labels.file": Case("second.csv", CSV),
        "labels.encoding": Case("cp1250", CSV),
        "labels.path_column": Case("other", CSV),
        "labels.label_column": Case("second", CSV),
        "labels.label_columns": Case(["A", "B"], CSV),
        "labels.split_column": Case("part", CSV),
        "labels.exclude": Case(["*/cat.1.png"]),
        "labels.map": Case({"bird": "dog"}),
        "labels.skip": Case(["bird"]),
        "labels.min_images": Case(7),
        "labels.corrections": Case("corrections.csv"),
        "image.resolution": Case(20),
        "image.color": Case("grayscale"),
        "image.resize": Case("crop"),
        "image.interpolation": Case("nearest"),
        "image.steps": Case([{"blur": 9}]),
        "image.background": Case("black"),
        "image.bit_depth": Case(16),
        "image.boxes": Case("boxes.csv"),
        "image.box_margin": Case(0.5, BOXES),
        "decode.format": Case("csv"),
        "decode.workers": Case(1, outcome=SAME),
        "decode.backend": Case("loky", outcome=SAME),
        "decode.shard_images": Case(8),
        "decode.reduced": Case(True),
        "decode.max_pixels": Case(20_000),
        "decode.max_bytes": Case(30_000, outcome=REFUSED),
        "decode.min_side": Case(8),
        "decode.max_rejected": Case(0.0, outcome=REFUSED),
        "decode.label_conflicts": Case("keep"),
        "decode.name_encoding": Case("cp437", {"source.path": "names.tar"}),
    },
    "split": {
        "split.train": Case(0.5, also={"split.validation": 0.3}),
        "split.validation": Case(0.1, also={"split.train": 0.7}),
        "split.test": Case(0.3, also={"split.train": 0.5}),
        "split.seed": Case(1),
        "split.stratified": Case(False),
        "split.predefined": Case("ignore", PARTED),
        "split.near_duplicates": Case(None),
        "split.group_by": Case(r"\d\.png"),
        "split.folds": Case(3),
        "split.fold": Case(1, {"split.folds": 3}),
        "normalize.method": Case("standard"),
    },
    "train": {
        "seed": Case(1),
        "model.network": Case("lenet"),
        "model.blocks": Case([[6]]),
        "model.kernel": Case(5),
        "model.activation": Case("gelu"),
        "model.padding": Case("valid"),
        "model.pool_stride": Case(1),
        "model.stem_stride": Case(2, RESNET),
        "model.pooling": Case("max"),
        "model.batch_norm": Case(True),
        "model.dropout": Case(0.5),
        "model.dense": Case([4]),
        "model.dense_dropout": Case(0.5),
        "model.conv_initializer": Case("he_normal"),
        "model.dense_initializer": Case("he_normal"),
        "model.head": Case("softmax", PARTED),
        "model.application": Case("MobileNetV2", APPLICATION),
        "model.weights": Case("data/weights/own.weights.h5", APPLICATION),
        "model.weights_sha256": Case("0" * 64, WEIGHTS, outcome=REFUSED),
        "model.freeze": Case(True, WEIGHTS),
        "model.unfreeze": Case(1, FROZEN | {"train.fine_tune_epochs": 1}),
        "augment.flip_horizontal": Case(True),
        "augment.flip_vertical": Case(True),
        "augment.rotation": Case(40),
        "augment.shift": Case(0.2),
        "augment.zoom": Case([0.5, 1.5]),
        "augment.shear": Case(30),
        "augment.crop": Case(0.6),
        "augment.fill": Case("constant", SHIFTED),
        "augment.brightness": Case(0.3),
        "augment.contrast": Case(0.5),
        "augment.channel_shift": Case(0.3),
        "augment.saturation": Case(0.8),
        "augment.hue": Case(90),
        "augment.erase": Case(0.5),
        "augment.mixup": Case(1.0),
        "augment.cutmix": Case(1.0),
        "train.device": Case("cpu", outcome=SAME),
        "train.precision": Case("bfloat16"),
        "train.epochs": Case(3),
        "train.batch_size": Case(4),
        "train.steps_per_epoch": Case(1),
        # So few images are one block.
        "train.shuffle": Case("blocks", outcome=SAME),
        "train.optimizer": Case("rmsprop"),
        "train.learning_rate": Case(0.01),
        "train.momentum": Case(0.5, SGD),
        "train.weight_decay": Case(0.3, SGD),
        "train.schedule": Case("cosine"),
        "train.warmup": Case(0.5),
        "train.plateau_factor": Case(5.0, PLATEAU),
        "train.plateau_patience": Case(3, PLATEAU),
        "train.clip_norm": Case(0.01),
        "train.label_smoothing": Case(0.2),
        "train.calibration": Case("temperature"),
        "train.class_weights": Case("balanced"),
        "train.ema": Case(0.5),
        "train.early_stopping": Case(1, PLATEAU),
        "train.restore_best": Case(True, PLATEAU),
        "train.fine_tune_epochs": Case(1, FROZEN),
    },
    "evaluate": {
        "evaluate.calibration_bins": Case(60),
        "evaluate.occlusion": Case(0),
        "evaluate.training_images": Case(5),
        "evaluate.operating_point": Case({"positive": "dog", "false_negative": 10}),
        "evaluate.abstain": Case({"error": 0.6, "confidence": 0.5}),
    },
    "plot": {"plot.samples": Case(2), "plot.dpi": Case(60)},
}

NOT_HERE = {
    "source.urls": "tests/fetch: a server of HTTP",
    "decode.address": "tests/decode/test_dask_and_ray.py: of a cluster, and no other bytes",
    "decode.storage": "tests/decode/test_storage.py: the same",
    "source.max_bytes": "tests/fetch: a limit on what comes, no other bytes",
    "source.dataset": "tests/fetch: a server that answers as Kaggle's",
    "source.version": "tests/fetch: the same",
    "source.competition": "tests/fetch: the same",
    "train.backend": "tests/train: the extras are not installed everywhere",
    "train.threads": "may change the last bits, and need not",
    "train.processes": "tests/train/test_processes.py: of jax alone",
    "train.deterministic": "promises nothing",
    "train.instruction_set": "tests/pipeline/test_other_cpus.py: other bits with AVX-512 alone",
    "evaluate.batch_size": "changes memory and speed alone",
}
"""Parameters that are not changed here, and why."""


def picture(generator: np.random.Generator, shape: int, height: int = 30, width: int = 40) -> np.ndarray:
    """Draw a disc, a box or a bar in colours of its own onto noise, BGR."""
    drawn = generator.integers(0, 120, (height, width, 3), np.uint8)
    colour = [int(level) for level in generator.integers(140, 255, 3)]
    at, radius = (width // 3, height // 2), height // 4
    if shape == 0:
        cv2.circle(drawn, at, radius, colour, -1)
    elif shape == 1:
        cv2.rectangle(drawn, (at[0], 4), (at[0] + 2 * radius, 20), colour, 3)
    else:
        cv2.line(drawn, (0, 0), (width, height), colour, 4)
    return drawn


def fill_inbox(inbox: Path) -> None:
    """Write sources in which every parameter of decode and split has something to do."""
    generator = np.random.default_rng(11)
    names = []
    for shape, (name, each) in enumerate({"cat": 12, "dog": 17, "bird": 6}.items()):
        for number in range(each):
            path = inbox / "tiny" / f"set{number % 2}" / name / f"{name}.{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), picture(generator, shape))
            names.append(path.relative_to(inbox / "tiny").as_posix())
    odd = inbox / "tiny" / "set0" / "dog"
    cv2.imwrite(str(odd / "dog.20.png"), picture(generator, 1).astype(np.uint16) * 14)  # 12 of 16 bits
    drawing = np.dstack([picture(generator, 1), np.full((30, 40), 255, np.uint8)])
    drawing[:15, ..., 3] = 0
    cv2.imwrite(str(odd / "dog.21.png"), drawing)
    cv2.imwrite(str(odd / "dog.22.jpg"), picture(generator, 1, 240, 320))
    cv2.imwrite(str(odd / "dog.23.png"), picture(generator, 1, 30, 6))
    brighter = cv2.imread(str(odd / "dog.0.png")) // 2 + 30  # a near-duplicate
    cv2.imwrite(str(odd / "dog.24.png"), brighter)
    (odd / "dog.25.png").write_bytes((inbox / "tiny" / "set0" / "cat" / "cat.0.png").read_bytes())
    (odd / "dog.26.png").write_bytes(b"no picture")

    for part, each in (("train", 8), ("test", 3)):
        for shape, name in enumerate(("cat", "dog")):
            for number in range(each):
                path = inbox / "parted" / part / name / f"{name}.{part}.{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), picture(generator, shape))

    with tarfile.open(inbox / "names.tar", "w", format=tarfile.GNU_FORMAT, encoding="cp932") as archive:
        for shape, name in enumerate(("ネコ", "イヌ")):
            for number in range(6):
                data = cv2.imencode(".png", picture(generator, shape))[1].tobytes()
                member = tarfile.TarInfo(f"{name}/{number}.png")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))

    rows = []
    for number, name in enumerate(names):
        one = number % 2
        other = names[(number + 1) % len(names)]
        part = ("train", "test", "validation")[number % 5 % 3]
        rows.append(f"{name},{other},{('õ', 'x')[one]},{('u', 'v', 'w')[number % 3]},{one},{1 - one},{part}")
    head = "path,other,label,second,A,B,part"
    (inbox / "first.csv").write_text("\n".join([head, *rows, ""]), "cp1252")
    boxes = (f"{name},4,5,30,25" for name in names)
    (inbox / "boxes.csv").write_text("\n".join(["file,x_min,y_min,x_max,y_max", *boxes, ""]))
    drop = hashlib.sha256((inbox / "tiny" / names[1]).read_bytes()).hexdigest()
    (inbox / "corrections.csv").write_text(f"sha256,action,label\n{drop},drop,\n")
    (inbox / "second.csv").write_text("\n".join([head, *rows[:-4], ""]), "cp1252")


def output(repository: Repository, stage: str) -> dict[str, str]:
    """Return the MD5 of what a stage wrote, but for files that only repeat params."""
    found = {}
    for out in LOCK[stage]["outs"]:
        path = repository.path(out["path"])
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            name = file.relative_to(repository.folder).as_posix()
            if file.name == "model.keras":
                with zipfile.ZipFile(file) as archive:  # the configuration beside them repeats the params
                    found[name] = hashlib.md5(archive.read("model.weights.h5")).hexdigest()
            elif file.is_file() and file.name not in REPEATS:
                found[name] = hashlib.md5(file.read_bytes()).hexdigest()
    return found


def act(repository: Repository, stage: str, name: str, case: Case, first: dict[str, str]) -> str | None:
    """Change one parameter, run, and change it back; return what went otherwise than expected."""
    params = repository.path("params.yaml")
    text = params.read_text()
    repository.change({name: case.value, **case.also})
    run = repository.dvc("repro", stage, check=False)
    params.write_text(text)
    if case.outcome == REFUSED:
        wrong = run.returncode == 0 or name not in run.stderr
    else:
        same = output(repository, stage) == first
        wrong = run.returncode != 0 or same != (case.outcome == SAME)
    return f"{name}: {case.value!r} {case.outcome}: not so\n{run.stdout}{run.stderr}" if wrong else None


IN_ONE_PROCESS = """
import json, sys
from pathlib import Path
from stages.train import train
from darkroom import UserError
from tests.pipeline.conftest import Repository
from tests.pipeline.test_parameters import output

ends = []
for text in json.loads(Path(sys.argv[1]).read_text()):
    Path("params.yaml").write_text(text)
    try:
        train()
        ends.append(output(Repository(Path.cwd()), "train"))
    except UserError as error:
        ends.append(str(error))
Path(sys.argv[2]).write_text(json.dumps(ends))
"""


def train_all(repository: Repository, cases: dict[str, Case], first: dict[str, str]) -> list[str]:
    """Train with each of the values, one after the other in one process; return what went otherwise than expected."""
    params, texts = repository.path("params.yaml"), []
    text = params.read_text()
    for name, case in cases.items():
        repository.change({name: case.value, **case.also})
        texts.append(params.read_text())
        params.write_text(text)
    asked, answer = repository.path(".dvc/tmp/asked.json"), repository.path(".dvc/tmp/answer.json")
    asked.write_text(json.dumps(texts))
    repository.run("python", "-c", IN_ONE_PROCESS, str(asked), str(answer))
    params.write_text(text)
    expected = {
        CHANGES: lambda end, name: end != first and isinstance(end, dict),
        SAME: lambda end, name: end == first,
        REFUSED: lambda end, name: isinstance(end, str) and name in end,
    }
    return [
        f"{name}: {case.value!r} {case.outcome}: not so\n{end}"
        for (name, case), end in zip(cases.items(), json.loads(answer.read_text()), strict=True)
        if not expected[case.outcome](end, name)
    ]


def by_context(stage: str) -> list[tuple[Mapping[str, Any], dict[str, Case]]]:
    """Return the cases of a stage that share a context."""
    found: list[tuple[Mapping[str, Any], dict[str, Case]]] = []
    for name, case in CASES[stage].items():
        for context, cases in found:
            if context == case.context:
                cases[name] = case
                break
        else:
            found.append((case.context, {name: case}))
    return found


def test_every_parameter_is_changed_here_or_it_is_said_why_not(root: Path) -> None:
    cases = {name for stage in CASES.values() for name in stage}
    params = YAML(typ="safe").load((root / "params.yaml").read_text())
    assert cases | set(NOT_HERE) == {name for name, _ in leaves(params)}
    assert cases.isdisjoint(NOT_HERE)


@pytest.fixture(scope="module")
def filled(clone: Callable[[Path], Repository], tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return a clone with pictures of one's own, and BASE."""
    repository = clone(tmp_path_factory.mktemp("parameters") / "project")
    fill_inbox(repository.path("data/inbox"))
    repository.change(BASE)
    return repository


@pytest.mark.parametrize("stage", CASES)
def test_another_value_is_heard_and_the_first_comes_back(filled: Repository, stage: str) -> None:
    if stage == "train":
        write_weights(filled)
    params = filled.path("params.yaml")
    start = params.read_text()
    wrong = []
    try:
        for context, cases in by_context(stage):
            filled.change(context)
            filled.dvc("repro", stage)
            first = output(filled, stage)
            if stage == "train":
                by_dvc = {name: cases.pop(name) for name in ["seed"] if name in cases}
                wrong += train_all(filled, cases, first)
                cases = by_dvc
            wrong += [act(filled, stage, name, case, first) for name, case in cases.items()]
            assert filled.repro(stage) == []  # from the caches: nothing is run
            assert output(filled, stage) == first
            params.write_text(start)
    finally:
        params.write_text(start)
    wrong = [message for message in wrong if message]
    assert not wrong, "\n".join(wrong)


def write_weights(repository: Repository) -> None:
    """Write weights of a network as if it had been trained before."""
    program = (
        "import keras; keras.utils.set_random_seed(3); keras.applications.MobileNetV3Small("
        "include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights('data/weights/own.weights.h5')"
    )
    repository.run("python", "-c", program)
