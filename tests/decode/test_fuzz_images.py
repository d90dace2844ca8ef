"""A short run of the fuzzer of images; a long one is `python tests/decode/fuzz_images.py`."""

import importlib.util
from pathlib import Path


def test_mutated_images_end_as_pixels_or_with_a_reason() -> None:
    path = Path(__file__).with_name("fuzz_images.py")
    spec = importlib.util.spec_from_file_location("fuzz_images", path)
    assert spec is not None
    assert spec.loader is not None
    fuzz_images = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fuzz_images)
    ends = fuzz_images.fuzz(fuzz_images.made_seeds(), seed=1, first=0, inputs=600)
    assert ends.total() == 600
    assert {"pixels", "corrupt", "truncated"} <= set(ends)
