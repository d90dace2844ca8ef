"""Near-duplicates: how many copies of a picture are found, how many different ones are taken for one, and how fast.

    python benchmarks/groups.py digits                                # the bundled digits, half a minute
    python benchmarks/groups.py photos/ --resolution 64 --color rgb   # a folder of pictures
    python benchmarks/groups.py train-images-idx3-ubyte.gz --resolution 28 --copies 0

Each of up to --copies pictures is written with four copies: compressed again (JPEG, quality 50), of half the side, a
fifth brighter, and without 2 % of each side. All go through `decode` and are grouped as `split` does. A copy is found
where its pair with the picture is; a pair of two different pictures, or their copies, is false. With `--copies 0` all
pictures are grouped as they are, and only the time is measured.
"""

import argparse
import gzip
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

from darkroom.decode.stage import decode
from darkroom.images import Images
from darkroom.params import read_params
from darkroom.split import near_duplicates

ROOT = Path(__file__).resolve().parents[1]
PARAMS = read_params(ROOT / "params.yaml")

Picture = npt.NDArray[np.uint8]


def pictures(source: str, most: int) -> Iterator[Picture]:
    """Yield up to ``most`` pictures of a source, evenly spread; all where ``most`` is 0."""
    if source == "digits":
        found: Any = [np.clip(image * 16, 0, 255).astype(np.uint8) for image in load_digits().images]
    elif source.endswith(".gz"):
        content = gzip.decompress(Path(source).read_bytes())
        height, width = np.frombuffer(content, ">u4", 2, offset=8)
        found = np.frombuffer(content, np.uint8, offset=16).reshape(-1, height, width)
    else:
        found = sorted(path for path in Path(source).rglob("*") if path.suffix.lower() in (".jpg", ".png"))
    for one in found[:: max(1, len(found) // most) if most else 1][: most or None]:
        yield cv2.imread(str(one), cv2.IMREAD_COLOR) if isinstance(one, Path) else one  # type: ignore[misc]


def recompressed(picture: Picture) -> Picture:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 50])
    return cv2.imdecode(data, cv2.IMREAD_UNCHANGED)  # type: ignore[return-value]


def halved(picture: Picture) -> Picture:
    return cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def brightened(picture: Picture, factor: float = 1.2) -> Picture:
    return np.clip(picture * factor, 0, 255).astype(np.uint8)


def cropped(picture: Picture) -> Picture:
    """Cut off 2 % of each side, one pixel at least."""
    down, across = (max(1, round(side * 0.02)) for side in picture.shape[:2])
    return picture[down:-down, across:-across]


KINDS: tuple[Callable[[Picture], Picture], ...] = (recompressed, halved, brightened, cropped)


def prepared(source: str, copies: int, resolution: int, color: str, folder: Path) -> Images:
    """Decode the pictures of ``source``, each followed by its copies, to the images folder ``folder``."""
    (folder / "raw").mkdir()
    with zipfile.ZipFile(folder / "raw" / "pictures.zip", "w") as archive:
        for number, picture in enumerate(pictures(source, copies)):
            versions = [picture, *(kind(picture) for kind in KINDS)] if copies else [picture]
            for version, image in enumerate(versions):
                archive.writestr(f"x.{number:06d}.{version}.png", cv2.imencode(".png", image)[1].tobytes())
    decode(
        PARAMS.labels.model_copy(update={"kind": "filename"}),
        PARAMS.image.model_copy(update={"resolution": resolution, "color": color}),
        PARAMS.decode.model_copy(update={"min_side": 1}),
        folder / "raw",
        folder / "raw",
        folder / "images",
    )
    return Images(folder / "images")


def main() -> None:
    """Measure one source after another."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "sources", nargs="*", default=["digits"], help="digits, a folder of pictures, or a gzipped IDX file"
    )
    parser.add_argument("--copies", type=int, default=600, help="pictures that are copied; 0: all, uncopied")
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--color", choices=("grayscale", "rgb"), default="grayscale")
    parser.add_argument("--distance", type=int, default=PARAMS.split.near_duplicates or 0)
    options = parser.parse_args()
    for source in options.sources:
        with tempfile.TemporaryDirectory() as temporary:
            images = prepared(
                source, options.copies, options.resolution, options.color, Path(temporary).resolve()
            )
            start = time.perf_counter()
            rows = np.arange(len(images))
            sizes = np.bincount(near_duplicates.grouped(images, rows, options.distance))
            seconds = time.perf_counter() - start
            pairs = near_duplicates.pairs(
                near_duplicates.views(images, rows), near_duplicates.hashes(images, rows), options.distance
            )
            report(Path(source).name, images, pairs, options.copies)
            print(
                f"  {len(images.index)} pictures, {seconds:.1f} s;"
                f" {(sizes > 1).sum()} groups, the largest of {sizes.max()}"
            )


def report(name: str, images: Images, pairs: npt.NDArray[np.int64], copies: int) -> None:
    """Print what part of the copies was found, and how many pairs are false."""
    print(f"{name}, {images.shape[1]}x{images.shape[0]}, {images.shape[2]} channels", flush=True)
    if not copies:
        return
    parts = [id.split("/")[-1].split(".") for id in images.index["id"]]
    number, version = (np.array([int(part[place]) for part in parts]) for place in (1, 2))
    first, second = pairs.T
    own = number[first] == number[second]
    originals = (version == 0).sum()
    for place, kind in enumerate(KINDS, 1):
        # Pictures of the same bytes are met before any hash: they count as found.
        there = set(number[version == place].tolist())
        found = set(number[first[own & (version[first] == 0) & (version[second] == place)]].tolist())
        equal = originals - len(there)
        print(f"  {kind.__name__:13}{(len(found) + equal) / originals:7.3f}")
    print(f"  false pairs  {(~own).sum()} of {len(own)} pairs, {len(own) and own.mean():.4f} right")


if __name__ == "__main__":
    main()
