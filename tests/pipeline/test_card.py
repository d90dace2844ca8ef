"""`darkroom card` on a finished run: the same bytes again, its program works, and another run's model is refused."""

import re
import shutil
import subprocess
import sys
import zipfile

import pandas as pd
import pytest

from darkroom import UserError
from darkroom.card import command


@pytest.mark.slow
def test_a_card_of_a_finished_run_and_of_none(finished):
    output = finished.path("card.md")
    card = {"name": "m", "license": None, "force": True, "project": finished.folder}
    assert "yours to fill in" in command.run(output, **card)
    text = output.read_text(encoding="utf-8")
    assert f"git checkout {finished.git('rev-parse', 'HEAD').strip()}" in text
    assert "| train.epochs | 2 |" in text
    assert str(finished.folder) not in text

    finished.git("add", "card.md")
    finished.git("commit", "--quiet", "--message", "Add the card")
    command.run(output, **card)
    assert output.read_text(encoding="utf-8") == text

    row = pd.read_csv(finished.path("data/predictions/test.csv"), dtype={"predicted": str}).iloc[0]
    with zipfile.ZipFile(finished.path("data/raw/digits.zip")) as archive:
        finished.path("photo.jpg").write_bytes(archive.read(row["id"]))
    [program] = re.findall(r"```python\n(.+?)```", text, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=finished.folder, capture_output=True, text=True, check=True
    )
    probability, name = re.fullmatch(r"\((\S+), '(.+)'\)", done.stdout.strip()).groups()
    assert name == row["predicted"]
    assert float(probability) == pytest.approx(row[f"p_{name}"], abs=2e-6)

    finished.change({"evaluate.calibration_bins": 5})
    with pytest.raises(UserError, match=r"evaluate has not run on what is there now: params.yaml: evaluate"):
        command.run(output, **card)
    finished.git("checkout", "params.yaml")
    shutil.rmtree(finished.path("data/predictions"))
    with pytest.raises(UserError, match=r"evaluate has not run on what is there now: data/predictions"):
        command.run(output, **card)
