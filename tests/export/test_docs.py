"""The snippets of docs/using.md run, word for word, and agree with Keras."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.export.conftest import SUFFIXES, Project, python


@pytest.mark.slow
def test_every_snippet_names_the_classes_that_keras_names(
    project: Callable[[str], Project], root: Path, tmp_path: Path
) -> None:
    here = project("digits")
    for format, suffix in SUFFIXES.items():
        done = here.export("--to", format, "--output", tmp_path / f"model{suffix}")
        assert done.returncode == 0, done.stderr
    for name, number in (("one", 3), ("two", 4)):
        shutil.copy(here.folder / "pictures" / f"{number:02}.png", tmp_path / f"{name}.png")
    section = (root / "docs" / "using.md").read_text(encoding="utf-8").split("## In another runtime")[1]
    prepare, *snippets = re.findall(r"```python\n(.+?)```", section.split("\n## ")[0], flags=re.DOTALL)
    python(prepare, cwd=tmp_path)
    test = np.load(here.folder / "pixels.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "pixels.npy"), test[3:5])
    names = [str(best) for best in here.expected[3:5].argmax(axis=1)]
    assert len(snippets) == len(SUFFIXES)
    for snippet in snippets:
        assert python(snippet, cwd=tmp_path).splitlines()[-1] == str(names)
