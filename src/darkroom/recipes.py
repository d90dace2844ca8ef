"""Recipes: documented results, each a file with a header and the params that differ from the defaults.

The header says what the recipe reproduces and what to expect. ``recipes/defaults.yaml`` is the complete file, every
parameter at its default with its comment; a recipe's values, put into it, make the params.yaml that is used.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from darkroom import UserError, files
from darkroom.params import Params, parse_params

DEFAULTS = "defaults"
"""The name, beside the recipes, of the file that holds every parameter at its default."""

FIELDS = ("Reproduces", "Data", "Command", "Published", "Measured", "Time", "Was wrong")
"""The lines of a recipe's header, each ``# Field: text``, continued on lines that are indented further."""

TRAINING = ("normalize", "model", "augment", "train")
"""The sections of params.yaml that say how images are trained on, and not which."""


Values = dict[tuple[str, str], str]
"""Values as they are written, by section and key; the section of a top-level value is ``""``."""


@dataclass(frozen=True)
class Recipe:
    """One recipe.

    Attributes
    ----------
    name : str
    head : str
        The header as written, comment lines.
    values : dict
        The parameters that it sets.
    defaults : str
        The text of ``recipes/defaults.yaml``.
    """

    name: str
    head: str
    values: Values
    defaults: str

    @property
    def header(self) -> dict[str, str]:
        """Return the fields of the header, by name."""
        return _header(self.head)

    @property
    def text(self) -> str:
        """Return the recipe as a complete params.yaml, each parameter with its comment."""
        return f"{self.head}\n\n{_with_values(self.name, self.defaults, self.values)}"

    def params(self) -> Params:
        """Return the typed, checked params; raises UserError where they are wrong."""
        return parse_params(self.text, Path(f"recipes/{self.name}.yaml"))

    def with_local_source(self, inbox: str) -> "Recipe":
        """Return the recipe with its images taken from ``data/inbox/INBOX``; nothing of its own source is left.

        ``split.group_by`` goes too: it reads the names of the source's own files, and in those of other images would
        find groups that are none. The header says that its figures are of other images.
        """
        quoted = inbox if re.fullmatch(r"[\w./-]+", inbox) else "'" + inbox.replace("'", "''") + "'"
        own = ("split", "group_by")
        kept = {place: value for place, value in self.values.items() if place[0] != "source" and place != own}
        local = {("source", "kind"): "local", ("source", "path"): quoted}
        data = f"# Data: {inbox}, of your own; what follows was measured on {self.header['Data'].split(';')[0]}\n"
        head = re.sub(r"# Data:.*\n(?:#    .*\n)*", lambda _: data, self.head)
        return replace(self, head=head, values=kept).with_values(local)

    def with_values(self, values: Values) -> "Recipe":
        """Return the recipe with ``values``, as they are written, in place of its own."""
        return replace(self, values={**self.values, **values})


def read_all(folder: Path) -> list[Recipe]:
    """Return the recipes in ``folder``, by name.

    Raises
    ------
    UserError
        There are none: the command was run elsewhere than in the project's folder.

    """
    recipes = [read(folder, name) for name in names(folder)]
    if not recipes:
        raise UserError(
            f"{folder}: no recipes here; run this from the folder that holds params.yaml and recipes/"
        )
    return recipes


def names(folder: Path) -> list[str]:
    """Return the names of the recipes in ``folder``, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml") if path.stem != DEFAULTS)


def read(folder: Path, name: str) -> Recipe:
    """Return recipe ``name`` of ``folder``.

    Raises
    ------
    UserError
        There is no such recipe; the message names those there are.

    """
    path = folder / f"{name}.yaml"
    if name not in names(folder):
        known = ", ".join(names(folder)) or f"none in {folder}/"
        raise UserError(f"no recipe named {name!r}; there are: {known}")
    text = path.read_text(encoding="utf-8")
    values = {line.place: line.value for line in _lines(text) if line.value}
    defaults = (folder / f"{DEFAULTS}.yaml").read_text(encoding="utf-8")
    return Recipe(name, text.split("\n\n", 1)[0], values, defaults)


def use(
    recipe: Recipe,
    params: Path,
    *,
    inbox: str | None = None,
    training_only: bool = False,
    force: bool = False,
) -> list[str]:
    """Write ``recipe`` as ``params``, all of it, its images taken from ``data/inbox/INBOX`` where that is given.

    With ``training_only`` only the sections of :data:`TRAINING` are written; ``params`` keeps the others, and so its
    images and their split. What was changed is returned, a line a parameter.

    Raises
    ------
    UserError
        ``params`` has edits that git does not hold, and ``force`` is not set; or it lacks a section.

    """
    if training_only and inbox is not None:
        raise UserError("--training-only keeps the images as they are, --inbox changes them: choose one")
    if not force:
        check_committed(params)
    before = params.read_text(encoding="utf-8") if params.exists() else ""
    kept: Values = {}
    if inbox is not None:
        kept = _of_same_images(before, recipe.defaults, inbox)
        recipe = recipe.with_local_source(inbox).with_values(kept)
    text = _with_sections(params, recipe.text) if training_only else recipe.text
    changed = _changes(before, text) if before else []
    write(text, params)
    stay = [f"{'.'.join(place)}: {value} stays, for the same images" for place, value in kept.items()]
    return [*changed, *stay]


def _of_same_images(before: str, defaults: str, inbox: str) -> Values:
    """Return what params.yaml says of labels, boxes and groups, where it is of ``inbox`` already; no defaults."""
    yaml = YAML(typ="safe")
    try:
        old, new = yaml.load(before) or {}, yaml.load(defaults)
        if (old["source"]["kind"], old["source"]["path"]) != ("local", inbox):
            return {}
        return {
            (section, key): json.dumps(old[section][key], ensure_ascii=False)
            for section, keys in {**_OF_IMAGES, "labels": tuple(new["labels"])}.items()
            for key in keys
            if old[section][key] != new[section][key]
        }
    except (YAMLError, KeyError, TypeError):  # not a params.yaml of ours
        return {}


_OF_IMAGES = {"image": ("boxes", "box_margin"), "split": ("group_by",)}
"""What, beside the section labels, is said of a source rather than of what is to be done with it."""


def check_committed(params: Path) -> None:
    """Raise a UserError where ``params`` has edits that git does not hold: by hand, since :func:`write` wrote it."""
    if _has_uncommitted_edits(params) and not _is_as_written(params):
        raise UserError(f"{params} has uncommitted edits; commit them, or overwrite them with --force")


def write(text: str, params: Path) -> None:
    """Write ``params``, whole or not at all."""
    with files.whole(params) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    scratch = files.scratch(_WRITTEN, params.parent)
    if scratch is not None:
        files.write_with_digest(scratch, text.encode())


_WRITTEN = "params"  # what was written last, so that a second recipe replaces it unasked


def _is_as_written(params: Path) -> bool:
    scratch = files.scratch(_WRITTEN, params.parent)
    return (
        scratch is not None and scratch.is_file() and files.read_with_digest(scratch) == params.read_bytes()
    )


def _changes(before: str, after: str) -> list[str]:
    """Return what differs, ``section.key: old → new``; nothing where ``before`` is no YAML."""
    try:
        old, new = _values(before), _values(after)
    except YAMLError:
        return []
    names = [*new, *(name for name in old if name not in new)]
    return [
        f"{name}: {old.get(name, 'not there')} → {new.get(name, 'not there')}"
        for name in names
        if old.get(name) != new.get(name)
    ]


def _values(text: str) -> dict[str, str]:
    """Return each parameter as JSON, which is YAML that fits in a line."""
    content = YAML(typ="safe").load(text) or {}
    return {
        ".".join(filter(None, (section, key))): json.dumps(value, ensure_ascii=False).strip('"')
        for section, keys in content.items()
        for key, value in (keys if isinstance(keys, dict) else {"": keys}).items()
    }


def override(params: Path, settings: Sequence[str]) -> None:
    """Change params as `dvc exp run -S` does, by DVC's own function for it.

    Parameters
    ----------
    params : Path
    settings : sequence of str
        ``key=value`` each; comments of the file stay.

    Raises
    ------
    UserError
        A setting names no param.

    """
    if not settings:
        return
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import apply_overrides

    try:
        apply_overrides(params, list(settings))
    except DvcException as error:
        raise UserError(f"-S {' -S '.join(settings)}: {error}") from None


def _with_sections(params: Path, recipe: str) -> str:
    """Return the text of ``params`` with the sections that train taken from ``recipe``, comments and all."""
    text = params.read_text(encoding="utf-8")
    for name in TRAINING:
        section = re.compile(rf"^{name}:.*\n(?: .*\n|\n+(?= ))*", re.MULTILINE)
        replacement = section.search(recipe)
        if replacement is None or section.search(text) is None:
            raise UserError(
                f"{params}: has no section {name}; `darkroom recipe use` without --training-only writes all"
            )
        text = section.sub(lambda match, new=replacement[0]: new, text, count=1)  # type: ignore[misc]
    return text


def _header(text: str) -> dict[str, str]:
    lines = [line.removeprefix("#").rstrip() for line in text.splitlines() if line.startswith("#")]
    fields: dict[str, str] = {}
    current = None
    for line in lines:
        start = re.match(rf" ({'|'.join(FIELDS)}): +(.*)", line)
        if start:
            current = start[1]
            fields[current] = start[2]
        elif current and line.startswith("   "):
            fields[current] += " " + line.strip()
        else:
            current = None
    return fields


def _has_uncommitted_edits(path: Path) -> bool:
    if not path.exists():
        return False
    status = subprocess.run(
        ["git", "status", "--porcelain", "--", path.name],
        cwd=path.parent,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    # Outside a git repository nothing holds the old text, so every text is an uncommitted edit.
    return bool(status.returncode or status.stdout.strip())


class _Line(NamedTuple):
    """A line of a params file: (section, key), the value as written, and the comment behind it."""

    place: tuple[str, str]
    value: str
    comment: str
    text: str


_KEY = re.compile(r"(?P<indent>  )?(?P<key>\w+):(?: +(?P<value>[^#\s].*?))?(?P<comment> +#.*)?")


def _lines(text: str) -> Iterator[_Line]:
    section = ""
    for line in text.splitlines():
        found = _KEY.fullmatch(line)
        if found is None:
            yield _Line(("", ""), "", "", line)
            continue
        if not found["indent"]:
            section = found["key"]
        place = (section, found["key"]) if found["indent"] else ("", found["key"])
        yield _Line(place, found["value"] or "", (found["comment"] or "").lstrip(), line)


def _with_values(recipe: str, text: str, values: Values) -> str:
    """Return the params file ``text`` with ``values`` in place of its own; comments stay in their column."""
    unknown = set(values) - {line.place for line in _lines(text)}
    if unknown:
        names = ", ".join(sorted(".".join(filter(None, place)) for place in unknown))
        raise UserError(
            f"recipes/{recipe}.yaml: {names}: unknown; expected parameters of recipes/{DEFAULTS}.yaml"
        )
    changed = []
    for line in _lines(text):
        if line.place not in values:
            changed.append(line.text)
            continue
        section, key = line.place
        start = f"{'  ' if section else ''}{key}: {values[line.place]}"
        column = line.text.index(line.comment) if line.comment else 0
        changed.append(f"{start.ljust(column - 1)} {line.comment}".rstrip())
    return "\n".join(changed) + "\n"
