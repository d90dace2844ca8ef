"""params.yaml is read as DVC reads it, whole, and every mistake in it is named in the words of who wrote it."""

import copy
import io
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from darkroom import UserError
from darkroom.params import Params, parse_params, read_params
from darkroom.params.messages import RENAMED
from tests.parameters import TRANSFER, write_params

ROOT = Path(__file__).parents[1]
GOOD = (ROOT / "params.yaml").read_text()
CONTENT: dict[str, Any] = YAML(typ="safe").load(GOOD)
LEAVES = [(s, key) for s, section in CONTENT.items() if isinstance(section, dict) for key in section]
WRONG = ["zzz", "96", "", -1, 0, 10**9, 2.5, float("nan"), True, None, [], ["zzz"], [-1, 0, "x"], {"a": 1}]


def mistake(text: str) -> str:
    """Return what is said of a wrong params.yaml."""
    with pytest.raises(UserError) as error:
        parse_params(text, Path("params.yaml"))
    return str(error.value)


def changed(section: str, key: str, value: Any) -> str:
    """Return params.yaml with another value, as a program would write it."""
    content = copy.deepcopy(CONTENT)
    content[section][key] = value
    file = io.StringIO()
    YAML(typ="safe").dump(content, file)
    return file.getvalue()


def test_sections_are_typed_and_cannot_be_changed():
    params = read_params(ROOT / "params.yaml")
    assert (params.seed, params.train.epochs, params.train.optimizer) == (0, 25, "adam")
    with pytest.raises(ValueError, match="frozen"):
        params.train.epochs = 3


def test_numbers_are_read_as_dvc_reads_them():
    text = GOOD.replace("learning_rate: 0.001", "learning_rate: 1e-4")
    assert parse_params(text, Path("params.yaml")).train.learning_rate == 0.0001


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs: 25 ", "epochs: 0 ", "train.epochs: got 0; expected at least 1"),
        (
            "epochs: 25 ",
            "epochs: '2' ",
            "train.epochs: got '2'; expected a whole number; write it without quotes",
        ),
        ("epochs: 25 ", "epochs: 2.5 ", "train.epochs: got 2.5; expected a whole number"),
        ("epochs: 25 ", "epochs: true ", "train.epochs: got true; expected a whole number"),
        ("  epochs: 25 ", "  epocs: 3 ", "train.epocs: unknown parameter; did you mean epochs?; allowed are"),
        ("  epochs: 25 ", "  # ", "train.epochs: missing parameter"),
        ("epochs: 25 ", "epochs: ", "train.epochs: got null; expected a whole number"),
        (
            "optimizer: adam ",
            "optimizer: no ",
            "train.optimizer: got 'no'; expected 'adam', 'adamw', 'sgd', 'rmsprop' or 'lbfgs'",
        ),
        ("[[32], [64]] ", "[[32], [a]] ", "model.blocks.1.0: got 'a'; expected a whole number"),
        (
            "resolution: 16 ",
            "resolution: '96' ",
            "image.resolution: got '96'; expected a whole number or a list;",
        ),
        (
            "resolution: 16 ",
            "resolution: [16] ",
            "image.resolution: got [16]; expected a whole number or a list of at",
        ),
        ("resolution: 16 ", "resolution: [16, 0] ", "image.resolution.1: got 0; expected at least 1"),
        (
            "  resolution: 16 ",
            "  size: 16 ",
            "image.size: unknown parameter; it is now called image.resolution",
        ),
        ("padding: same ", "padding: zzz ", "model.padding: got 'zzz'; expected 'same' or 'valid' or a list"),
        (
            "urls: []",
            "urls: [{url: https://a/b.zip, sha256: zzz}]",
            "source.urls.0.sha256: got 'zzz'; expected 64 hexadecimal digits",
        ),
        ("urls: []", "urls: {url: https://a/b.zip}", "source.urls.sha256: missing parameter"),
        (
            "urls: []",
            "urls: [https://a/b.zip, {url: https://a/c.zip, sha: zzz}]",
            "source.urls.1.sha256: missing parameter",
        ),
        (
            "urls: []",
            "urls: []\n  sha256: []",
            "source.sha256: unknown parameter; it is now called source.urls: [{url",
        ),
        ("stem_stride: auto ", "stem_stride: 9 ", "model.stem_stride: got 9; expected 'auto' or at most 4"),
        ("test: 0.2 ", "test: 0.3 ", "split: expected split.train + split.validation + split.test = 1"),
        ("seed: 0\n", "seed: -1\n", "seed: got -1; expected at least 0"),
        (
            "\nseed: 0\n",
            "\nseeds: 0\n",
            "seeds: unknown section; did you mean seed?; allowed are seed, source",
        ),
        (
            "\nplot:\n",
            "\nplot: 3\nplots:\n",
            "plot: got 3; expected a section: keys, each on a line of its own",
        ),
    ],
)
def test_mistake_is_named(old, new, message):
    assert old in GOOD
    assert f"params.yaml: {message}" in mistake(GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("[sepia]", "image.steps: got ['sepia']; expected steps of equalize, clahe,"),
        ("[{blur: 4}]", "expected blur with kernel (odd number, 3 to 99, default 5), not kernel: 4"),
        ("[{blur: [5, 1]}]", "default 5), not [5, 1]"),
        ("[{canny: {lo: 3}}]", "high (whole number, 0 to 1000, default 200), not lo: 3"),
        ("[{trim: .inf}]", "expected trim with tolerance (whole number, 0 to 255, default 12)"),
        ("[{sharpen: .nan}]", "expected sharpen with amount (number, 0 to 10, default 1)"),
        ("[{otsu: 4}]", "expected otsu with no numbers, not [4]"),
        ("[hsv]", "image: expected image.color: rgb, where image.steps has hsv"),
    ],
)
def test_a_step_says_what_it_takes(steps, message):
    assert message in mistake(GOOD.replace("steps: []", f"steps: {steps}"))


@pytest.mark.parametrize(("section", "key"), LEAVES)
def test_every_wrong_value_is_told_in_a_line_of_the_users_own_terms(section, key):
    refused = 0
    for value in WRONG:
        try:
            parse_params(changed(section, key, value), Path("params.yaml"))
        except UserError as error:
            refused += 1
            said = str(error)
            for line in said.splitlines():
                assert re.match(
                    rf"params\.yaml: {section}(\.{key}(\.\w+)*)?: ((got .*; )?expected \S|(missing|unknown) parameter)",
                    line,
                ), said
            assert not re.search(r"constrained|list\[|literal\[|Input should|valid |union|function-", said), (
                said
            )
    assert refused


def test_all_sections_are_checked_at_once():
    said = mistake(GOOD.replace("epochs: 25 ", "epocs: 3 ").replace("kind: bundled ", "kind: bundle "))
    assert {line.split(": ")[1] for line in said.splitlines()} == {
        "source.kind",
        "train.epochs",
        "train.epocs",
    }


@pytest.mark.parametrize("text", ["", "- 1\n", "seed"])
def test_text_that_is_no_mapping_is_refused(text):
    assert "expected sections" in mistake(text)


def test_yaml_that_does_not_parse_is_told_with_its_line():
    assert re.search(r"not valid YAML.*line 3", mistake("seed: 0\ntrain: [\n"))


def test_file_that_is_no_text_or_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_params(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_bytes(b"seed: \xff\n")
    with pytest.raises(UserError, match="expected UTF-8"):
        read_params(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"augment.rotation": 8.0}, "augment.rotation would do nothing"),
        ({"image.resolution": 16}, "image.resolution: got 16x16; EfficientNetLite0 takes images of 32x32"),
        ({"model.dense": [8]}, "expected model.dense: []"),
        ({"model.weights": "mine.keras"}, "and write data/weights/mine.keras"),
        ({"model.weights": "data/weights/none.keras"}, "none.keras: no such file"),
        (
            {"model.freeze": False},
            "train.optimizer: lbfgs solves one dense layer behind a frozen network; expected",
        ),
        (
            {"model.freeze": False, "train.fine_tune_epochs": 2},
            "train.fine_tune_epochs: got 2 with model.freeze",
        ),
    ],
)
def test_what_cannot_stand_together_is_told_before_the_first_stage(changes, message, tmp_path):
    write_params(tmp_path / "params.yaml", TRANSFER | changes)
    with pytest.raises(UserError, match=re.escape(message)) as said:
        read_params(tmp_path / "params.yaml")
    assert str(said.value).startswith(f"{tmp_path / 'params.yaml'}: ")


def test_missing_section_is_named():
    assert "split: missing section" in mistake(re.sub(r"(?m)^split:\n(  .*\n)*", "", GOOD))


def test_sections_are_those_of_the_projects_own_file():
    assert tuple(CONTENT) == tuple(Params.model_fields)


def test_renamed_parameters_lead_to_parameters_that_exist():
    for old, new in RENAMED.items():
        assert tuple(new.partition(":")[0].split(".")) in LEAVES
        assert tuple(old.split(".")) not in LEAVES


def test_a_list_can_be_set_and_emptied_as_dvc_exp_run_does(tmp_path):
    # DVC's YAML writer loses a line end where a list with a comment beside it becomes empty: it broke params.yaml.
    from dvc.utils.serialize import load_yaml, modify_yaml

    path = tmp_path / "params.yaml"
    path.write_text(GOOD)
    content = load_yaml(path)
    keys = [(section, key) for section, keys in content.items() if isinstance(keys, dict) for key in keys]
    lists = [(section, key) for section, key in keys if isinstance(content[section][key], list)]
    assert {"steps", "exclude", "skip", "urls", "dense"} <= {key for _, key in lists}
    for section, key in lists:
        for value in (["one"], [] if key not in ("zoom", "blocks") else ["two"], content[section][key]):
            with modify_yaml(path) as changed:
                changed[section][key] = value
            assert load_yaml(path)[section][key] == value
    read_params(path)


def test_a_section_or_parameter_that_stands_twice_is_told_with_its_lines():
    text = (
        "seed: 0\nsource:\n  kind: local\nimage:\n  color: rgb\n  color: grayscale\nsource:\n  kind: http\n"
    )
    remedy = "; put together what they say, and keep one"
    assert mistake(text).splitlines() == [
        f"params.yaml: the section source stands 2 times, at lines 2 and 7{remedy}",
        f"params.yaml: the parameter image.color stands 2 times, at lines 5 and 6{remedy}",
    ]
