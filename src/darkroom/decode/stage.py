"""The decode stage as a whole: every file of data/raw becomes an image of data/images, or a row that says why not."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from darkroom import UserError, files
from darkroom.decode import (
    archives,
    duplicates,
    flat,
    layouts,
    output,
    samples,
    shards,
    spread,
    thumbnails,
    workfolder,
)
from darkroom.decode.preparation import Preparation
from darkroom.decode.rejections import Reason
from darkroom.params import DecodeParams, ImageParams, LabelsParams

Rejection = tuple[str, Reason, str]


def decode(
    labels: LabelsParams, image: ImageParams, decode: DecodeParams, raw: Path, inbox: Path, out: Path
) -> dict[str, Any]:
    """Decode the archives of ``raw`` into ``out``, and account for every file in them.

    Parameters
    ----------
    labels, image, decode
        The sections of params.yaml.
    raw : Path
        The archives, as `fetch` left them.
    inbox : Path
        Where a table of labels may lie beside the source.
    out : Path
        Receives an :mod:`darkroom.images` folder and ``rejected.csv`` (id, reason, detail), with
        ``rejected.npz`` where there are thumbnails of such files (see :func:`thumbnails.write`); images without a
        label become a second such folder, ``unlabelled``.

    Returns
    -------
    dict
        Flat counts; ``used + rejected + unlabelled == files``.

    Raises
    ------
    UserError
        Nothing could be decoded, or more than `decode.max_rejected` is unusable. ``out`` is left as it was.
    """
    preparation = Preparation.of(image, decode)
    with workfolder.opened(_key(raw, labels, preparation, decode)) as work:
        # Another process may have another working folder.
        source = raw if decode.backend == "threading" else raw.resolve()
        members, refused = archives.members(source, work / "nested", decode.max_bytes, decode.name_encoding)
        labelled, unlabelable = layouts.label_members(members, labels, inbox)
        rejected: list[Rejection] = [(one.id, one.reason, one.detail) for one in [*refused, *unlabelable]]
        finished, preparation = _decode_in_depth(labelled, work, preparation, image.bit_depth, decode)
        flat_images = [(row.id, row.flat) for shard in finished for row in shard.rows if row.flat]
        if flat_images:
            print(flat.warning(flat_images), file=sys.stderr)
        rejected += [rejection for shard in finished for rejection in shard.rejected]

        known = {one.member.id: one for one in labelled}
        rows = [
            duplicates.LabelledRow(row, label)
            for shard in finished
            for row in shard.rows
            if (label := known[row.id].label) is not None
        ]
        conflicts = duplicates.conflicts(rows)
        if decode.label_conflicts == "reject":
            rejected += duplicates.rejections(conflicts)
            rows = [labelled_row for labelled_row in rows if labelled_row.row.id not in conflicts]
        rejected.sort()
        unlabelled = (
            sum(len(shard.rows) for shard in finished)
            - len(rows)
            - (len(conflicts) if decode.label_conflicts == "reject" else 0)
        )
        _check(rejected, len(rows), unlabelled, decode.max_rejected)

        classes = sorted({row.label for row in rows})
        used = {row.row.id for row in rows}
        seen = _seen(finished, rejected, preparation)
        output.write(files.empty_folder(out), finished, known, used, classes, preparation, decode.format)
        files.write_csv(out / "rejected.csv", ["id", "reason", "detail"], rejected)
        if seen:
            thumbnails.write(out / "rejected.npz", seen)
    return {
        "files": len(rows) + len(rejected) + unlabelled,
        "used": len(rows),
        "rejected": len(rejected),
        "unlabelled": unlabelled,
        "classes": len(classes),
        "duplicates": duplicates.count(rows),
        "label_conflicts": len(conflicts),
        "flat_images": len(flat_images),
        **({"bit_depth": preparation.bit_depth} if any(shard.wide for shard in finished) else {}),
        **_by_reason(rejected),
    }


def _key(raw: Path, labels: LabelsParams, preparation: Preparation, decode: DecodeParams) -> str:
    """Return the name of the work on these files; what of the params only says how it is done or stored is left out."""
    seal = raw / files.SEAL
    # By content, where that is known: a temporary checkout has files of other dates.
    sources: Any = seal.read_text(encoding="utf-8") if seal.is_file() else _stamps(raw)
    asked = [preparation.to_json(), decode.shard_images, decode.max_bytes, decode.name_encoding]
    return workfolder.key([sources, labels.model_dump(mode="json"), asked])


def _stamps(raw: Path) -> list[list[str | int]]:
    return [
        [str(path.relative_to(raw)), path.stat().st_size, path.stat().st_mtime_ns]
        for path in sorted(raw.rglob("*"))
        if path.is_file()
    ]


def _decode_in_depth(
    labelled: Sequence[layouts.Labelled],
    work: Path,
    preparation: Preparation,
    asked: int | Literal["auto"],
    decode: DecodeParams,
) -> tuple[list[shards.Shard], Preparation]:
    """Decode everything; return all shards in order, and the preparation with the depth that 16-bit pictures have.

    How many of 16 bits a data set uses is known once all of it was seen: shards with such pictures are then decoded
    again, in a folder of that depth's own, so that a run that is taken up again never mixes two.
    """
    finished = _decode(labelled, work, preparation, decode)
    wide = [number for number, shard in enumerate(finished) if shard.wide]
    if not wide:
        return finished, preparation
    depth = samples.depth_of(shard.brightest for shard in finished) if asked == "auto" else asked
    preparation = preparation.with_bit_depth(depth)
    print(
        samples.told([(finished[number].brightest, finished[number].wide) for number in wide], depth, asked)
    )
    if asked == "auto" and depth < 16:
        deep = work / f"{depth}-bits"
        deep.mkdir(exist_ok=True)
        for number, shard in zip(wide, _decode(labelled, deep, preparation, decode, wide), strict=True):
            finished[number] = shard
    return finished, preparation


def _decode(
    labelled: Sequence[layouts.Labelled],
    work: Path,
    preparation: Preparation,
    decode: DecodeParams,
    numbers: Sequence[int] | None = None,
) -> list[shards.Shard]:
    """Decode the shards ``numbers``, by default all, that are not in ``work`` yet; return them in order."""
    members = [one.member for one in labelled]
    plan = shards.plan(len(members), preparation.shape, decode.shard_images)
    numbers = range(len(plan)) if numbers is None else numbers
    missing = [number for number in numbers if not all(path.exists() for path in shards.paths(work, number))]
    if len(missing) < len(numbers):
        print(
            f"decode: {len(numbers) - len(missing)} of {len(numbers)} shards were finished by an earlier run"
        )
    tasks = [
        (shards.write, (members[plan[number].start : plan[number].stop], number, work, preparation))
        for number in missing
    ]
    total = sum(len(plan[number]) for number in missing)
    spread.run(tasks, total, decode.workers, decode.backend)
    return [shards.read(work, number) for number in numbers]


def _seen(
    finished: Sequence[shards.Shard], rejected: Sequence[Rejection], preparation: Preparation
) -> thumbnails.Thumbnails:
    """Return thumbnails of the first rejected files of each reason, of those that left anything to decode."""
    known = {name: picture for shard in finished for name, picture in shard.thumbnails.items()}
    conflicts = [name for name, reason, _ in rejected if reason is Reason.LABEL_CONFLICT]
    known |= output.thumbnails_of(conflicts[: thumbnails.MOST], finished, preparation)
    return thumbnails.examples(rejected, known)


def _check(rejected: Sequence[Rejection], used: int, unlabelled: int, most: float) -> None:
    total = used + unlabelled + len(rejected)
    if not total:
        raise UserError("data/raw: no files in the archives; check the `source` section of params.yaml")
    # What labels.skip leaves out was asked for, and what systems leave behind was never to be used.
    unusable = [one for one in rejected if one[1] not in (Reason.SKIPPED_LABEL, Reason.SYSTEM_FILE)]
    candidates = total - sum(reason is Reason.SYSTEM_FILE for _, reason, _ in rejected)
    reasons = ", ".join(
        f"{number} {reason}" for reason, number in Counter(r[1] for r in unusable or rejected).most_common()
    )
    example = "; the first: {}: {} ({})".format(*(unusable or rejected)[0]) if rejected else ""
    if not used and not unlabelled:
        raise UserError(f"data/raw: none of {total} files could be used: {reasons}{example}")
    if len(unusable) > most * candidates:
        raise UserError(
            f"data/raw: {len(unusable)} of {candidates} files are unusable ({reasons}), more than "
            f"decode.max_rejected = {most:g} allows{example}; mend the source, or raise decode.max_rejected in "
            "params.yaml"
        )
    if not used:
        raise UserError(
            f"data/raw: none of {total} files has a label ({unlabelled} images without one); "
            "check the `labels` section of params.yaml"
        )


def _by_reason(rejected: Sequence[Rejection]) -> dict[str, int]:
    counts = Counter(reason for _, reason, _ in rejected)
    return {f"rejected_{reason.replace(' ', '_')}": counts[reason] for reason in Reason if counts[reason]}
