"""A user's mistake ends a stage with one message that names what came and what is allowed; nothing is lost."""

import pytest

CASES = {
    "unknown parameter": ("train", {"train.epoch": 3}, ["params.yaml", "train.epoch", "unknown"]),
    "wrong type": (
        "train",
        {"train.epochs": "many"},
        ["params.yaml", "train.epochs", "'many'", "whole number"],
    ),
    "out of range": ("train", {"train.epochs": 0}, ["params.yaml", "train.epochs", "0", "at least 1"]),
    "unknown choice": (
        "decode",
        {"image.color": "sepia"},
        ["params.yaml", "image.color", "'sepia'", "grayscale", "rgb"],
    ),
    "unknown optimizer": (
        "train",
        {"train.optimizer": "adamm"},
        ["params.yaml", "train.optimizer", "'adamm'", "adam"],
    ),
    "fractions that do not add up": ("split", {"split.test": 0.5}, ["params.yaml", "split", "1"]),
    "no test images": ("split", {"split.test": 0.0, "split.train": 0.9}, ["params.yaml", "split.test"]),
    "missing folder": (
        "fetch",
        {"source.kind": "local", "source.path": "nowhere"},
        ["nowhere", "source.path"],
    ),
    "local without a path": ("fetch", {"source.kind": "local"}, ["params.yaml", "source", "path"]),
    "unknown section": ("fetch", {"sauce": {"kind": 1}}, ["params.yaml", "sauce"]),
    "network too deep": ("train", {"model.blocks": [[8]] * 9}, ["params.yaml", "model.blocks"]),
    "batch larger than data": ("train", {"train.batch_size": 100000}, ["params.yaml", "train.batch_size"]),
}


@pytest.mark.parametrize("case", CASES)
def test_mistake_is_told_in_one_message_and_costs_nothing(finished, case):
    stage, changes, words = CASES[case]
    finished.change(changes)
    before = finished.path("plots/report.html").read_bytes()
    done = finished.stage(stage)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    message = [line for line in done.stderr.splitlines() if line.startswith(f"{stage}: ")]
    assert len(message) == 1
    assert [word for word in words if word not in done.stderr] == []
    assert finished.path("plots/report.html").read_bytes() == before


def test_missing_parameter_is_named(finished):
    lines = finished.path("params.yaml").read_text().splitlines(keepends=True)
    finished.path("params.yaml").write_text("".join(line for line in lines if "  epochs:" not in line))
    done = finished.stage("train")
    assert (done.returncode, done.stderr) == (1, "train: params.yaml: train.epochs: missing parameter\n")


def test_yaml_that_does_not_parse_is_told_with_its_line(finished):
    finished.path("params.yaml").write_text("seed: 0\nsource: [\n")
    done = finished.stage("fetch")
    assert done.returncode == 1
    assert "params.yaml" in done.stderr
    assert "line" in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_params_file_is_told(finished):
    finished.path("params.yaml").unlink()
    done = finished.stage("fetch")
    assert done.returncode == 1
    assert "params.yaml: no such file" in done.stderr


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, ["source.path", "no files"]),
        ({"cat/a.txt": b"no image", "dog/b.txt": b"none either"}, ["not an image"]),
    ],
)
def test_source_without_images_is_an_error_that_says_so(finished, files, words):
    folder = finished.path("data/inbox/mine")
    folder.mkdir()
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    finished.change({"source.kind": "local", "source.path": "mine"})
    done = finished.dvc("repro", check=False)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert [word for word in words if word not in said] == []
    assert "Traceback" not in said


@pytest.mark.parametrize(("classes", "word"), [(("cat",), "class"), (("cat", "dog"), "dog")])
def test_classes_that_cannot_be_split_are_named(finished, classes, word):
    from sklearn.datasets import load_digits

    cv2 = pytest.importorskip("cv2")
    pictures = load_digits().images
    for number, label in enumerate(classes):
        folder = finished.path(f"data/inbox/mine/{label}")
        folder.mkdir(parents=True)
        for index in range(12 if number == 0 else 1):
            cv2.imwrite(str(folder / f"{index}.png"), pictures[index + 100 * number] * 15)
    finished.change({"source.kind": "local", "source.path": "mine"})
    done = finished.dvc("repro", "split", check=False)
    assert done.returncode != 0
    assert word in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
