"""Recipes: complete params.yaml files, each with a header that says what it reproduces and what to expect."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from darkroom import UserError, files

FIELDS = ("Reproduces", "Data", "Command", "Published", "Measured", "Time", "Was wrong")
"""The lines of a recipe's header, each ``# Field: text``, continued on lines that are indented further."""

TRAINING = ("normalize", "model", "augment", "train")
"""The sections of params.yaml that say how images are trained on, and not which."""


@dataclass(frozen=True)
class Recipe:
    """One recipe: its name, the text of its file, and the fields of its header."""

    name: str
    text: str
    header: dict[str, str]


def read_all(folder: Path) -> list[Recipe]:
    """Return the recipes in ``folder``, by name.

    Raises
    ------
    UserError
        There are none: the command was run elsewhere than in the project's folder.

    """
    recipes = [read(folder, path.stem) for path in sorted(folder.glob("*.yaml"))]
    if not recipes:
        raise UserError(
            f"{folder}: no recipes here; run this from the folder that holds params.yaml and recipes/"
        )
    return recipes


def read(folder: Path, name: str) -> Recipe:
    """Return recipe ``name`` of ``folder``.

    Raises
    ------
    UserError
        There is no such recipe; the message names those there are.

    """
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml"))) or f"none in {folder}/"
        raise UserError(f"no recipe named {name!r}; there are: {known}")
    text = path.read_text(encoding="utf-8")
    return Recipe(name, text, _header(text))


def use(
    recipe: Recipe,
    params: Path,
    *,
    inbox: str | None = None,
    training_only: bool = False,
    force: bool = False,
) -> None:
    """Write ``recipe`` as ``params``, its images taken from ``data/inbox/INBOX`` where that is given.

    With ``training_only`` only the sections of :data:`TRAINING` are written; ``params`` keeps the others, and so its
    images and their split.

    Raises
    ------
    UserError
        ``params`` has edits that git does not hold, and ``force`` is not set; or it lacks a section.

    """
    if training_only and inbox is not None:
        raise UserError("--training-only keeps the images as they are, --inbox changes them: choose one")
    if not force and _has_uncommitted_edits(params):
        raise UserError(f"{params} has uncommitted edits; commit them, or overwrite them with --force")
    text = recipe.text if inbox is None else _with_local_source(recipe.text, inbox)
    if training_only:
        text = _with_sections(params, text)
    with files.whole(params) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


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
        section = re.compile(rf"^{name}:.*\n(?:[ \n].*\n?|\n)*", re.MULTILINE)
        replacement = section.search(recipe)
        if replacement is None or section.search(text) is None:
            raise UserError(
                f"{params}: has no section {name}; `darkroom recipe use` without --training-only writes all"
            )
        text = section.sub(lambda match, new=replacement[0]: new, text, count=1)  # type: ignore[misc]
    return text


def _header(text: str) -> dict[str, str]:
    lines = [
        line.removeprefix("#").rstrip()
        for line in text.split("\n\n", 1)[0].splitlines()
        if line.startswith("#")
    ]
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
        text=True,
        check=False,
    )
    # Outside a git repository nothing holds the old text, so every text is an uncommitted edit.
    return bool(status.returncode or status.stdout.strip())


def _with_local_source(text: str, inbox: str) -> str:
    """Set source.kind and source.path in place, so that the file's comments stay where they are."""
    content = YAML(typ="safe").load(text)
    for key, value in {"kind": "local", "path": inbox}.items():
        if key not in content["source"]:
            raise UserError(f"the recipe has no source.{key}")
        quoted = value if re.fullmatch(r"[\w./-]+", value) else "'" + value.replace("'", "''") + "'"
        text, count = re.subn(
            rf"(?ms)(^source:.*?^  {key}:) +[^\n#]*?( *#|$)",
            lambda match, quoted=quoted: f"{match[1]} {quoted}{match[2]}",  # type: ignore[misc]
            text,
            count=1,
        )
        assert count == 1, key
    return text
