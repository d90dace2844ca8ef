"""The decode stage: every file of data/raw becomes an image of data/images, or a row with the reason why not."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from darkroom import UserError, files
from darkroom.decode import (
    archives,
    blank_images,
    boxes,
    corrected,
    duplicates,
    output,
    parallel,
    preparation_warnings,
    resume,
    shards,
    small_classes,
    summaries,
    tables,
)
from darkroom.decode.labels import corrections, label_members
from darkroom.decode.pictures import bit_depth, rejected_thumbnails
from darkroom.decode.pictures.preparation import Preparation
from darkroom.decode.rejections import LEFT_OUT, Reason, Rejection
from darkroom.decode.shards import Row
from darkroom.params import DecodeParams, ImageParams, LabelsParams


class _Outcome(NamedTuple):
    """What became of every file: images with and without a label, rows of ``rejected.csv``; conflicts of labels."""

    used: list[Row]
    unlabelled: list[Row]
    rejected: list[Rejection]
    conflicts: int


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
        Where a table of labels may lie beside the source, and one of corrections.
    out : Path
        Receives an :mod:`darkroom.images` folder, ``summary.json`` (see :mod:`.summaries`) and ``rejected.csv`` (id,
        reason, detail), with ``rejected.npz`` where there are thumbnails of such files (see
        :func:`rejected_thumbnails.write`); images without a label become a second such folder, ``unlabelled``; where
        labels were corrected, ``relabelled.csv`` (id, given, label).

    Returns
    -------
    dict
        Flat counts; ``used + rejected + unlabelled == files``.

    Raises
    ------
    UserError
        `labels.corrections` cannot be followed, nothing could be decoded, or more than `decode.max_rejected` is
        unusable. ``out`` is left as it was.
    """
    preparation = Preparation.of(image, decode)
    asked = corrections.read(labels, inbox)
    with resume.opened(_key(raw, preparation, decode)) as work:
        # Another process may have another working folder.
        source = raw if decode.backend == "threading" else raw.resolve()
        members, refused = archives.members(source, work / "nested", decode.max_bytes, decode.name_encoding)
        members, bad = tables.expanded(
            members, work / "tables", decode.max_bytes, archives.MAX_BYTES, labels.label_column
        )
        members, unboxed = boxes.expanded(members, image.boxes, labels, inbox, work / "boxes", decode)
        labelled = label_members(members, labels, inbox)
        warnings = [*boxes.warnings(unboxed), *labelled.warnings]
        with summaries.told_on_failure(warnings):
            _check_labels(labelled.members, bad)
            asked.check_classes({member.label for member in labelled.members if member.label is not None})
            finished, preparation = _decode_in_depth(
                labelled.members, work, preparation, image.bit_depth, decode
            )
            flat_images = [(row.id, row.flat) for shard in finished for row in shard.rows if row.flat]
            warnings += blank_images.warnings(flat_images)
            finished, dropped, relabelled, unmet = corrected.apply(finished, asked)
            warnings += unmet
            refused = [*refused, *bad, *unboxed, *labelled.refused]
            outcome = _sorted_out(finished, dropped, refused, labels, decode)
            _check(outcome, decode.max_rejected)
        used, unlabelled, rejected, _ = outcome
        warnings += small_classes.warnings(used)
        warnings += preparation_warnings.warnings(labelled.members, used, preparation)

        seen = _seen(finished, rejected, preparation)
        output.write(files.empty_folder(out), finished, used, unlabelled, preparation, decode.format)
        corrected.write(out, relabelled)
        files.write_csv(out / "rejected.csv", ["id", "reason", "detail"], rejected)
        if seen:
            rejected_thumbnails.write(out / "rejected.npz", seen)
        summaries.write(out / "summary.json", summaries.of(used, unlabelled, rejected, warnings))
    return {
        "files": len(used) + len(rejected) + len(unlabelled),
        "used": len(used),
        "rejected": len(rejected),
        "unlabelled": len(unlabelled),
        "classes": len({row.label for row in used}),
        "duplicates": duplicates.count(used),
        "label_conflicts": outcome.conflicts,
        "flat_images": len(flat_images),
        **({"relabelled": len(relabelled)} if relabelled else {}),
        **({"bit_depth": preparation.bit_depth} if any(shard.wide for shard in finished) else {}),
        "warnings": len(warnings),
        **_by_reason(rejected),
    }


def _key(raw: Path, preparation: Preparation, decode: DecodeParams) -> str:
    """Return the name of the work on these files; what of the params only says how it is done or stored is left out.

    So are the labels: pixels do not depend on them, only which files are decoded; see :func:`_decode` for that.
    """
    seal = raw / files.SEAL
    # By content, where that is known: a temporary checkout has files of other dates.
    sources: Any = seal.read_text(encoding="utf-8") if seal.is_file() else _stamps(raw)
    asked = [preparation.to_json(), decode.shard_images, decode.max_bytes, decode.name_encoding]
    return resume.key([sources, asked])


def _stamps(raw: Path) -> list[list[str | int]]:
    return [
        [path.relative_to(raw).as_posix(), path.stat().st_size, path.stat().st_mtime_ns]
        for path in sorted(raw.rglob("*"))
        if path.is_file()
    ]


def _decode_in_depth(
    members: Sequence[archives.Member],
    work: Path,
    preparation: Preparation,
    asked: int | Literal["auto"],
    decode: DecodeParams,
) -> tuple[list[shards.Shard], Preparation]:
    """Decode everything; return all shards in order, and the preparation with the depth that 16-bit pictures have.

    How many of 16 bits a data set uses is known once all of it was seen: shards with such pictures are then decoded
    again, in a folder of that depth's own, so that a run that is taken up again never mixes two.

    Shards lie in a folder named by the files and boxes they are made of: which these are may depend on a table of
    labels or a file of boxes, and an earlier run may have read another.
    """
    work /= resume.key([[member.id, member.box] for member in members])
    work.mkdir(exist_ok=True)
    finished = _decode(members, work, preparation, decode)
    wide = [number for number, shard in enumerate(finished) if shard.wide]
    if not wide:
        return finished, preparation
    depth = bit_depth.depth_of(shard.brightest for shard in finished) if asked == "auto" else asked
    preparation = preparation.with_bit_depth(depth)
    print(
        bit_depth.told([(finished[number].brightest, finished[number].wide) for number in wide], depth, asked)
    )
    if asked == "auto" and depth < 16:
        deep = work / f"{depth}-bits"
        deep.mkdir(exist_ok=True)
        for number, shard in zip(wide, _decode(members, deep, preparation, decode, wide), strict=True):
            finished[number] = shard
    return finished, preparation


def _decode(
    members: Sequence[archives.Member],
    work: Path,
    preparation: Preparation,
    decode: DecodeParams,
    numbers: Sequence[int] | None = None,
) -> list[shards.Shard]:
    """Decode the shards ``numbers``, by default all, that are not in ``work`` yet; return them in order."""
    plan = shards.plan(len(members), preparation.shape, decode.shard_images)
    parts = [members[part.start : part.stop] for part in plan]
    numbers = range(len(plan)) if numbers is None else numbers
    missing = [number for number in numbers if not all(path.exists() for path in shards.paths(work, number))]
    if len(missing) < len(numbers):
        print(
            f"decode: {len(numbers) - len(missing)} of {len(numbers)} shards were finished by an earlier run"
        )
    tasks = [(shards.write, (parts[number], number, work, preparation)) for number in missing]
    total = sum(len(plan[number]) for number in missing)
    parallel.run(tasks, total, decode, work)
    return [shards.read(parts[number], number, work) for number in numbers]


def _sorted_out(
    finished: Sequence[shards.Shard],
    dropped: Sequence[Rejection],
    refused: Sequence[Rejection],
    labels: LabelsParams,
    decode: DecodeParams,
) -> _Outcome:
    gone = {one.id for one in dropped}
    rows = [row for shard in finished for row in shard.rows if row.id not in gone]
    used = [row for row in rows if row.label is not None]
    rejected = [*refused, *dropped, *(rejection for shard in finished for rejection in shard.rejected)]
    conflicts = duplicates.conflicts(used)
    if decode.label_conflicts == "reject":
        rejected += duplicates.rejections(conflicts)
        used = [row for row in used if row.id not in conflicts]
    used, small = small_classes.left_out(used, labels.min_images)
    unlabelled = [row for row in rows if row.label is None]
    return _Outcome(used, unlabelled, sorted(rejected + small), len(conflicts))


def _seen(
    finished: Sequence[shards.Shard], rejected: Sequence[Rejection], preparation: Preparation
) -> rejected_thumbnails.Thumbnails:
    """Return thumbnails of the first rejected files of each reason, of those that left anything to decode."""
    known = {name: picture for shard in finished for name, picture in shard.thumbnails.items()}
    conflicts = [one.id for one in rejected if one.reason is Reason.LABEL_CONFLICT]
    known |= output.thumbnails_of(conflicts[: rejected_thumbnails.MOST], finished, preparation)
    return rejected_thumbnails.examples(rejected, known)


def _check_labels(members: Sequence[archives.Member], bad: Sequence[Rejection]) -> None:
    if members and all(member.label is None for member in members):
        raise UserError(
            f"data/raw: none of {len(members)} files has a label, as {members[0].id}; check the `labels` section of "
            "params.yaml: kind, depth and split_folders say where labels are read"
            + (f"; {bad[0].id} could not be used: {bad[0].why}" if bad else "")
        )


def _check(outcome: _Outcome, most: float) -> None:
    used, unlabelled, rejected = len(outcome.used), len(outcome.unlabelled), outcome.rejected
    total = used + unlabelled + len(rejected)
    if not total:
        raise UserError("data/raw: no files in the archives; check the `source` section of params.yaml")
    unusable = [one for one in rejected if one.reason not in LEFT_OUT]
    candidates = total - sum(one.reason is Reason.SYSTEM_FILE for one in rejected)
    reasons = ", ".join(
        f"{number} {reason}"
        for reason, number in Counter(one.reason for one in unusable or rejected).most_common()
    )
    example = "; the first: {}: {} ({})".format(*(unusable or rejected)[0]) if rejected else ""
    if not used and not unlabelled:
        raise UserError(f"data/raw: none of {total} files could be used: {reasons}{example}")
    if len(unusable) > most * candidates:
        raise UserError(
            f"data/raw: {len(unusable)} of {candidates} files are unusable ({reasons}), more than "
            f"decode.max_rejected = {most:g} allows{example}; correct the source, or raise decode.max_rejected in "
            "params.yaml"
        )
    if not used:
        raise UserError(
            f"data/raw: none of {total} files is left with a label ({unlabelled} images without one; {reasons})"
            f"{example}; check the `labels` section of params.yaml"
        )


def _by_reason(rejected: Sequence[Rejection]) -> dict[str, int]:
    counts = Counter(one.reason for one in rejected)
    return {f"rejected_{reason.replace(' ', '_')}": counts[reason] for reason in Reason if counts[reason]}
