"""What ready-made splits are called, by folder or in a table."""

_NAMES = {
    name: split
    for split, stems in {
        "train": ("train", "training"),
        "validation": ("validation", "valid", "val"),
        "test": ("test", "testing"),
    }.items()
    for stem in stems
    for name in (stem, f"{stem}_set", f"{stem}_data")
}

ALLOWED = "train, validation and test, and training, valid, val, testing, each also with _set or _data"


def split_named(name: str) -> str:
    """Return train, validation or test where ``name`` means one, whatever its case, else "".

    Kaggle's ``test1`` is none: its images have no labels.
    """
    return _NAMES.get(name.casefold().replace("-", "_").replace(" ", "_"), "")
