"""The decode stage as a whole: every file of data/raw becomes an image of data/images, or a row that says why not."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from darkroom import UserError, files
from darkroom.decode import archives, duplicates, layouts, output, shards, spread, thumbnails, workfolder
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
        members, refused = archives.members(source, work / "nested", decode.max_bytes)
        labelled, unlabelable = layouts.label_members(members, labels, inbox)
        rejected: list[Rejection] = [(one.id, one.reason, one.detail) for one in [*refused, *unlabelable]]
        finished = _decode(labelled, work, preparation, decode)
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
        **_by_reason(rejected),
    }


def _key(raw: Path, labels: LabelsParams, preparation: Preparation, decode: DecodeParams) -> str:
    """Return the name of the work on these files; what of the params only says how it is done or stored is left out."""
    seal = raw / files.SEAL
    # By content, where that is known: a temporary checkout has files of other dates.
    sources: Any = seal.read_text(encoding="utf-8") if seal.is_file() else _stamps(raw)
    asked = [preparation.to_json(), decode.shard_images, decode.max_bytes]
    return workfolder.key([sources, labels.model_dump(mode="json"), asked])


def _stamps(raw: Path) -> list[list[str | int]]:
    return [
        [str(path.relative_to(raw)), path.stat().st_size, path.stat().st_mtime_ns]
        for path in sorted(raw.rglob("*"))
        if path.is_file()
    ]


def _decode(
    labelled: Sequence[layouts.Labelled], work: Path, preparation: Preparation, decode: DecodeParams
) -> list[shards.Shard]:
    """Decode what is not in the work folder yet; return all shards in order."""
    members = [one.member for one in labelled]
    plan = shards.plan(len(members), preparation.shape, decode.shard_images)
    missing = [
        number for number in range(len(plan)) if not all(path.exists() for path in shards.paths(work, number))
    ]
    if len(missing) < len(plan):
        print(f"decode: {len(plan) - len(missing)} of {len(plan)} shards were finished by an earlier run")
    tasks = [
        (shards.write, (members[plan[number].start : plan[number].stop], number, work, preparation))
        for number in missing
    ]
    total = sum(len(plan[number]) for number in missing)
    spread.run(tasks, total, decode.workers, decode.backend)
    return [shards.read(work, number) for number in range(len(plan))]


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
    # What labels.skip leaves out was asked for; it is not unusable.
    unusable = [rejection for rejection in rejected if rejection[1] is not Reason.SKIPPED_LABEL]
    reasons = ", ".join(
        f"{number} {reason}" for reason, number in Counter(r[1] for r in rejected).most_common()
    )
    example = f"; the first: {rejected[0][0]}: {rejected[0][1]} ({rejected[0][2]})" if rejected else ""
    if not used and not unlabelled:
        raise UserError(f"data/raw: none of {total} files could be used: {reasons}{example}")
    if len(unusable) > most * total:
        raise UserError(
            f"data/raw: {len(unusable)} of {total} files are unusable ({reasons}), more than decode.max_rejected = "
            f"{most:g} allows{example}; mend the source, or raise decode.max_rejected in params.yaml"
        )
    if not used:
        raise UserError(
            f"data/raw: none of {total} files has a label ({unlabelled} images without one); "
            "check the `labels` section of params.yaml"
        )


def _by_reason(rejected: Sequence[Rejection]) -> dict[str, int]:
    counts = Counter(reason for _, reason, _ in rejected)
    return {f"rejected_{reason.replace(' ', '_')}": counts[reason] for reason in Reason if counts[reason]}
