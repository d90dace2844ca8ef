"""How a card says that its model is used: Python that loads it and prepares a picture as in training."""

from typing import Any

_PYTHON = """\
import json
import os
from pathlib import Path

folder = Path("models")  # where model.keras and model.json lie
about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
os.environ["KERAS_BACKEND"] = about["backend"]  # before Keras is imported

import keras
from darkroom.decode.pictures.preparation import Preparation

model = keras.models.load_model(folder / "model.keras", compile=False)
preparation = Preparation.from_json(about["preparation"])
picture = preparation.prepare(Path("photo.jpg").read_bytes())
[output] = model.predict(picture.pixels[None], verbose=0)
{outputs}
print(max(zip(probabilities, about["classes"])))
"""

_OUTPUTS = {
    1: "probabilities = [1 - float(output[0]), float(output[0])]  # one unit: of the second class",
    2: "probabilities = [float(value / output.sum()) for value in output]",
}


def python(description: dict[str, Any]) -> str:
    """Return the program, for the model that ``model.json`` describes; it prints a probability and a class."""
    one_unit = description["head"] == "sigmoid" and len(description["classes"]) == 2
    return _PYTHON.format(outputs=_OUTPUTS[1 if one_unit else 2])
