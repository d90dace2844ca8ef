"""The stage plot, run through its door: which files it writes, that they are the same every time, and how large."""

import numpy as np
import pytest

CHARTS = ("accuracy", "loss", "counts", "confusion", "roc", "precision_recall", "calibration")
PICTURES = ("samples", "channels", "augmented", "mistakes", "attention")


def plotted(make_inputs, **options):
    inputs = make_inputs(**options)
    done = inputs.plot()
    assert done.returncode == 0, done.stderr
    return inputs


def test_every_figure_is_a_png_and_the_report_one_file(digits):
    outputs = digits.outputs()
    assert set(outputs) == {f"{name}.png" for name in (*CHARTS, *PICTURES)} | {"report.html"}
    assert all(data.startswith(b"\x89PNG") for name, data in outputs.items() if name.endswith(".png"))
    page = outputs["report.html"].decode()
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_the_same_inputs_give_the_same_bytes_whatever_the_users_settings_are(digits, tmp_path):
    before = digits.outputs()
    (tmp_path / "matplotlibrc").write_text("figure.facecolor: red\nfont.size: 20\nsavefig.dpi: 30\n")
    done = digits.plot(MATPLOTLIBRC=str(tmp_path), LC_ALL="C", TZ="Asia/Tokyo", SOURCE_DATE_EPOCH="1")
    assert done.returncode == 0, done.stderr
    after = digits.outputs()
    assert [name for name in before if before[name] != after[name]] == []


@pytest.mark.parametrize(
    "options",
    [
        {"classes": [f"species {number}, of a rather long name" for number in range(100)], "images": 1500},
        {"classes": ["cat", "dog"], "shape": (8, 8, 1), "images": 200, "sureness": 2.0},
        {"classes": ["O", "X"], "shape": (224, 160, 3), "images": 120, "sureness": 1.0, "samples": 100},
        {"classes": ["$a_b$", "<b>", "猫"], "shape": (5, 60, 3), "images": 150, "samples": 1},
    ],
    ids=["many classes", "tiny", "large, in colour", "odd names, one row"],
)
def test_any_number_of_classes_and_any_size_is_drawn_within_three_megabytes(make_inputs, options):
    inputs = plotted(make_inputs, **options)
    assert inputs.report.stat().st_size < 3_000_000


def test_noise_that_cannot_be_compressed_stays_within_three_megabytes(make_inputs):
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (400, 128, 128, 3)).astype(np.uint8)
    inputs = plotted(
        make_inputs, classes=["a", "b"], pixels=pixels, kinds=np.arange(400) % 2, samples=100, sureness=0.0
    )
    assert inputs.report.stat().st_size < 3_000_000


def test_without_a_mistake_the_report_says_so(make_inputs):
    inputs = plotted(make_inputs, images=200, sureness=60.0)
    assert "every test image was classified rightly" in inputs.report.read_text()
    assert "mistakes.png" not in inputs.outputs()
    assert "100.0\u202f% of" in inputs.report.read_text()


def test_tensorflow_is_never_imported(digits):
    import subprocess
    import sys

    code = "import sys, darkroom.plot.stage; sys.exit(bool({'tensorflow', 'keras', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
