"""Parquet with pictures in a column, as Hugging Face exports data sets."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from darkroom import how_to_install
from darkroom.decode.rejections import Reason, Rejected
from darkroom.decode.tables import rows
from darkroom.decode.tables.rows import Row

_SPLIT = re.compile(r"(\w+?)-\d+-of-\d+")
_LABELS = ("label", "labels", "fine_label", "class", "target")
_BATCH = 64


def read(path: Path, name: str, label_column: str) -> Iterator[Row]:
    """Yield a row for each picture; a file called ``train-00000-of-00002`` is part of that split.

    The column of pictures is the first that holds structs with ``bytes``, or bytes alone; that of labels is
    ``label_column``, or another that such files have. What numbers are called stands in Hugging Face's notes.

    Raises
    ------
    Rejected
        The file cannot be read, has no pictures, or pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise Rejected(
            Reason.UNSUPPORTED, f"Parquet, which needs pyarrow; install it ({how_to_install('parquet')})"
        ) from None
    part = _SPLIT.match(Path(name).name)
    split = rows.split_of(part[1]) if part else ""
    try:
        file = parquet.ParquetFile(path)
        schema = file.schema_arrow
        picture = next((field.name for field in schema if _holds_pictures(field.type, pa)), None)
        if picture is None:
            raise Rejected(
                Reason.NOT_AN_IMAGE, f"Parquet without a column of pictures: {', '.join(schema.names)}"
            )
        label = next((one for one in (label_column, *_LABELS) if one in schema.names), None)
        called = _names(schema.metadata or {}, label)
        number = 0
        for batch in file.iter_batches(_BATCH, columns=[column for column in (picture, label) if column]):
            for entry in batch.to_pylist():
                content = entry[picture]
                content = (content.get("bytes") if isinstance(content, dict) else content) or b""
                value = entry[label] if label else None
                text = (
                    called[value]
                    if isinstance(value, int) and 0 <= value < len(called)
                    else rows.label_of(value)
                )
                yield Row(rows.named(number, split), content, text)
                number += 1
    except (pa.ArrowException, OSError) as error:
        raise Rejected(Reason.CORRUPT, f"cannot be read as Parquet: {error}") from None


def _holds_pictures(kind: Any, pa: Any) -> bool:
    if pa.types.is_struct(kind):
        return any(kind.field(at).name == "bytes" for at in range(kind.num_fields))
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _names(metadata: dict[bytes, bytes], label: str | None) -> list[str]:
    """Return the names of the classes that Hugging Face notes for the column ``label``, else []."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return [str(name) for name in features[label]["names"]]
    except (KeyError, TypeError, ValueError):
        return []
