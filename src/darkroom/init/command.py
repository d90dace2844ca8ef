"""The command `darkroom init`: what images there are, and params.yaml for them."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from darkroom import UserError, recipes
from darkroom.decode import small_classes, summaries
from darkroom.decode.archives import Member
from darkroom.decode.rejections import Rejection
from darkroom.fetch import local
from darkroom.init import contents, proposal, shared_names
from darkroom.init.contents import Pictures
from darkroom.init.proposal import Choice

_SHOWN = 6  # kinds of file names, and unreadable files, in a line


def run(path: str, project: Path, *, force: bool, dry_run: bool) -> str:
    """Look at the images at ``path``, write params.yaml for them, and return what was found and chosen, as text.

    Parameters
    ----------
    path : str
        A folder, an archive or a table of pixels, in ``data/inbox`` or from the working folder.
    project : Path
        The folder of params.yaml and the recipes.
    force : bool
        Overwrite edits of params.yaml that git does not hold.
    dry_run : bool
        Write nothing.

    Raises
    ------
    UserError
        There are no images, or no labels are found for them; or params.yaml has uncommitted edits.
    """
    inbox, params = project / "data/inbox", project / "params.yaml"
    if not (force or dry_run):
        recipes.check_committed(params)
    found = local.find(path, inbox)
    with tempfile.TemporaryDirectory(prefix="darkroom-init-") as scratch:
        lines, choices = _looked(found, inbox, Path(scratch), recipes.read(project / "recipes", "transfer"))
    recipe = recipes.read(project / "recipes", choices[0].value).with_local_source(_source(found, project))
    recipe = recipe.with_values({_place(one.name): one.value for one in choices[1:]})
    recipe.params()
    if not dry_run:
        recipes.write(recipe.text, params)
    widths = [max(len(text) for text in column) for column in list(zip(*choices, strict=True))[:2]]
    lines += [
        f"init: params.yaml {'would be' if dry_run else 'is now'}",
        *(f"  {one.name:<{widths[0]}}  {one.value:<{widths[1]}}  {one.reason}" for one in choices),
    ]
    return "\n".join([*lines, "" if dry_run else _next(found, inbox)]).rstrip() + "\n"


def _looked(
    found: Path, inbox: Path, scratch: Path, defaults: recipes.Recipe
) -> tuple[list[str], list[Choice]]:
    """Return what lies at ``found``, in lines, and the params to choose: the recipe, then those that differ from it."""
    params = defaults.params()
    members, rejected = contents.members(found, inbox, scratch, params)
    pictures, others = contents.parted(members)
    if not pictures:
        why = f", as {(rejected + others)[0].why}" if rejected or others else ""
        raise UserError(f"{found}: no pictures among {len(members) + len(rejected)} files{why}")
    try:
        labels = proposal.labels(members, pictures, params.labels, inbox)
    except UserError as error:
        raise UserError(f"{found}: {error}") from None
    ids = {picture.id for picture in pictures}
    used = [one for one in labels.read.members if one.id in ids]
    seen = contents.look_at(used, params)
    if not seen.widths:
        raise UserError(f"{found}: none of {seen.looked_at} pictures can be read: {seen.unreadable[0].why}")
    labelled = [one for one in used if one.label is not None]
    summary = summaries.of(
        labelled,
        [one for one in used if one.label is None],
        [*rejected, *others, *labels.read.refused],
        [
            *labels.read.warnings,
            *small_classes.warnings(labelled),
            *shared_names.warning([one.id for one in used], [one.label for one in used]),
        ],
    )
    lines = [summary.text("init"), *_of_pictures(used, seen)]
    return lines, [
        proposal.recipe(seen),
        *labels.choices,
        proposal.resolution(seen),
        proposal.color(seen),
    ]


def _of_pictures(used: Sequence[Member], seen: Pictures) -> list[str]:
    kinds = Counter(PurePosixPath(one.id).suffix.lower() or "no suffix" for one in used).most_common()
    shown = ", ".join(f"{kind} {count}" for kind, count in kinds[:_SHOWN]) + (
        ", …" if len(kinds) > _SHOWN else ""
    )
    width, height = seen.width_and_height
    return [
        f"init: {len(used)} pictures ({shown}), of which {seen.looked_at} were looked at",
        f"  {width} x {height} pixels (median); {min(seen.widths)} to {max(seen.widths)} wide, "
        f"{min(seen.heights)} to {max(seen.heights)} high",
        f"  {seen.coloured} coloured, {len(seen.widths) - seen.coloured} gray, "
        f"{len(seen.unreadable)} that cannot be used{_first(seen.unreadable)}",
    ]


def _first(unreadable: Sequence[Rejection]) -> str:
    if not unreadable:
        return ""
    told = "; ".join(f"{one.id} ({one.reason})" for one in unreadable[:_SHOWN])
    return f": {told}" + ("; …" if len(unreadable) > _SHOWN else "")


def _source(found: Path, project: Path) -> str:
    """Return `source.path`: from data/inbox, else from the project's folder, else as the machine has it."""
    place = _real(found)
    for base in (project.resolve() / "data/inbox", project.resolve()):
        if place.is_relative_to(base):
            return place.relative_to(base).as_posix()
    return place.as_posix()


def _real(found: Path) -> Path:
    # A link that DVC made lies where its name does, and not in the cache.
    return found.parent.resolve() / found.name


def _place(name: str) -> tuple[str, str]:
    section, _, key = name.partition(".")
    return section, key


def _next(found: Path, inbox: Path) -> str:
    place = _real(found)
    if not place.is_relative_to(inbox.resolve()):
        return (
            f"init: {found} lies outside data/inbox/: changes there start no rerun, and DVC does not version it\n"
            "next: `dvc repro`"
        )
    top = place.relative_to(inbox.resolve()).parts[0]
    known = (inbox / f"{top}.dvc").is_file()
    return (
        f"next: {'' if known else f'`dvc add data/inbox/{top}`, which versions the images, and '}`dvc repro`"
    )
