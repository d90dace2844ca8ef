"""What dvc.yaml declares is what the stages use: no more, no less, for every parameter and every module."""

import ast
import inspect
import re
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from dvc.dependency.param import ParamsDependency
from dvc.repo import Repo
from ruamel.yaml import YAML

from darkroom import recipes
from darkroom.decode import resume
from darkroom.fetch.local import OUTPUTS
from darkroom.params import Params, Section
from darkroom.train.stage import SHARED


def leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every single value of params.yaml with its dotted name; a list or an empty mapping is one value."""
    for key, value in node.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def another(value: Any) -> Any:
    """Return a value that differs; whether a stage would accept it does not matter to `dvc status`."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    return "another"


def stale(folder: Path) -> set[str]:
    """Return the stages whose own dependencies changed, as `dvc status` sees it."""
    with Repo(str(folder)) as repo:
        status = repo.status()
    # Seen from another folder, DVC puts the path of dvc.yaml before the stage's name.
    return {
        name.rsplit(":")[-1]
        for name, changes in status.items()
        if any("changed deps" in change for change in changes)
    }


def sections_read(root: Path, stage: str) -> set[str]:
    """Return the sections of params.yaml that a stage's door takes."""
    return set(re.findall(r"\bparams\.(?!yaml)(\w+)", (root / "stages" / f"{stage}.py").read_text()))


def modules_imported(root: Path, stage: str) -> set[Path]:
    """Return every file of the project that a stage can import: the closure over all import statements."""
    found: set[Path] = set()
    waiting = [root / "stages" / f"{stage}.py"]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                waiting.extend(_files_of(root, name))
    return found


def _files_of(root: Path, module: str) -> list[Path]:
    """Return the project's files that importing ``module`` runs: its packages' __init__.py and its own."""
    base = root if module.split(".")[0] == "stages" else root / "src"
    parts = module.split(".")
    candidates = [base.joinpath(*parts[:depth], "__init__.py") for depth in range(1, len(parts) + 1)]
    candidates.append(base.joinpath(*parts).with_suffix(".py"))
    return [path for path in candidates if path.is_file()]


def pipeline_stages(root: Path) -> list[str]:
    return list(YAML(typ="safe").load((root / "dvc.yaml").read_text())["stages"])


@pytest.mark.slow
def test_a_parameter_of_each_section_makes_exactly_the_stages_that_read_it_stale(finished_once, root):
    """One of a section, by `dvc status`, whose seconds go into hashing data; the next test has all of them."""
    folder = finished_once.folder
    assert stale(folder) == set()
    params = folder / "params.yaml"
    before = params.read_text()
    wrong = {}
    first = {name.split(".")[0]: (name, value) for name, value in reversed([*leaves(finished_once.params())])}
    try:
        for name, value in first.values():
            finished_once.change({name: another(value)})
            expected = readers(root, name)
            found = stale(folder)
            if not expected or found != expected:
                wrong[name] = (found, expected)
            params.write_text(before)
    finally:
        params.write_text(before)
    assert wrong == {}


def readers(root: Path, parameter: str) -> set[str]:
    """Return the stages whose door takes the section of ``parameter``."""
    return {s for s in pipeline_stages(root) if parameter.split(".")[0] in sections_read(root, s)}


@pytest.mark.slow
def test_every_parameter_of_a_recipe_makes_exactly_the_stages_that_read_it_stale(finished, root):
    """It is not run: `dvc commit` notes its params in dvc.lock as those of the last run, which is all DVC looks at.

    Of each stage DVC's own comparison of params is asked; `dvc status` asks the same, and hashes the data besides.
    """
    params = finished.path("params.yaml")
    before = recipes.read(root / "recipes", "malaria").text
    params.write_text(before)
    finished.dvc("commit", "--force")
    assert stale(finished.folder) == set()
    yaml = YAML(typ="safe")
    wrong = {}
    with Repo(str(finished.folder)) as repo:
        watched = {
            stage.name: [dep for dep in stage.deps if isinstance(dep, ParamsDependency)]
            for stage in repo.index.stages
        }
        for name, value in leaves(yaml.load(before)):
            *sections, leaf = name.split(".")
            content = yaml.load(before)
            reduce(dict.__getitem__, sections, content)[leaf] = another(value)
            with params.open("w") as file:
                yaml.dump(content, file)
            found = {stage for stage, deps in watched.items() if any(dep.status() for dep in deps)}
            expected = readers(root, name)
            if not expected or found != expected:
                wrong[name] = (found, expected)
    assert wrong == {}


@pytest.mark.slow
def test_every_module_makes_exactly_the_stages_that_import_it_stale(finished_once, root):
    """By the paths that DVC watches; of each set of stages one module is really edited, and `dvc status` asked."""
    folder = finished_once.folder
    uses = {stage: modules_imported(folder, stage) for stage in pipeline_stages(root)}
    with Repo(str(folder)) as repo:
        watched = {stage.name: {Path(dep.fs_path) for dep in stage.deps} for stage in repo.index.stages}
    wrong, one_of = {}, {}
    for path in sorted([*(folder / "src" / "darkroom").rglob("*.py"), *(folder / "stages").glob("*.py")]):
        expected = {stage for stage, modules in uses.items() if path in modules}
        found = {stage for stage, paths in watched.items() if not paths.isdisjoint([path, *path.parents])}
        one_of[frozenset(expected)] = path
        if found != expected:
            wrong[str(path.relative_to(folder))] = (found, expected)
    assert wrong == {}
    for expected, path in one_of.items():
        before = path.read_bytes()
        try:
            path.write_bytes(before + b"\n# edited\n")
            assert stale(folder) == expected
        finally:
            path.write_bytes(before)


def attributes_read(path: Path, name: str, section: type[Section]) -> set[str]:
    """Return the parameters that a file reads of the section ``name``, properties followed.

    It is known by its type, where arguments and fields have it, and by ``config.NAME`` and what that is assigned to.
    """
    tree = ast.parse(path.read_text())
    names = {f"config.{name}"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
            both = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            pairs = zip(target.elts, value.elts, strict=True) if both else [(target, value)]
            names |= {ast.unparse(one) for one, other in pairs if ast.unparse(other) == f"config.{name}"}
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            called = node.arg if isinstance(node, ast.arg) else ast.unparse(node.target)
            names |= {called, f"self.{called}"} if ast.unparse(node.annotation) == section.__name__ else set()
    read = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in names
    }
    for known in read & {known for known, value in vars(section).items() if isinstance(value, property)}:
        read |= set(re.findall(r"self\.(\w+)", inspect.getsource(vars(section)[known].fget)))
    return read


def test_every_parameter_is_read_by_the_room_that_reads_its_section(root):
    unread = {}
    for stage in pipeline_stages(root):
        room = [
            path
            for path in modules_imported(root, stage)
            if stage in path.relative_to(root).with_suffix("").parts
        ]
        for name in sections_read(root, stage) - {"seed"}:
            section = Params.model_fields[name].annotation
            read = set().union(*(attributes_read(path, name, section) for path in room))
            unread.setdefault(name, set(section.model_fields)).difference_update(read)
    assert {f"{name}.{key}" for name, keys in unread.items() for key in keys} == set()


@pytest.mark.parametrize("stage", ["fetch", "decode", "split", "plot"])
def test_stage_never_imports_tensorflow(root, stage):
    imported = set()
    for path in modules_imported(root, stage):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])
    assert not imported & {"tensorflow", "keras", "torch", "jax"}


def test_rooms_of_stages_never_import_each_other_nor_a_command(root):
    shared = {"params"}
    packages = {path.parent.name for path in (root / "src" / "darkroom").glob("*/__init__.py")} - shared
    crossings = []
    for room in pipeline_stages(root):
        for path in (root / "src" / "darkroom" / room).rglob("*.py"):
            others = re.findall(r"from darkroom\.(\w+)|import darkroom\.(\w+)", path.read_text())
            crossings += [(path.name, name) for pair in others for name in pair if name in packages - {room}]
    assert crossings == []


@pytest.mark.parametrize(("stage", "shared_code"), [("decode", resume.SHARED), ("train", SHARED)])
def test_resumable_work_is_keyed_by_the_shared_code_that_dvc_names_for_its_stage(root, stage, shared_code):
    deps = YAML(typ="safe").load((root / "dvc.yaml").read_text())["stages"][stage]["deps"]
    shared = [
        name.removeprefix("src/darkroom/")
        for name in deps
        if re.fullmatch(r"src/darkroom/(\w+\.py|params)", name)
    ]
    assert sorted(shared_code) == sorted(shared)


def test_no_stage_door_is_longer_than_forty_lines(root):
    assert {
        p.name: n for p in (root / "stages").glob("[a-z]*.py") if (n := len(p.read_text().splitlines())) > 41
    } == {}


def test_dvc_keeps_every_stage_in_its_run_cache(root):
    """It keeps none that has an output with ``cache: false`` that is neither metric nor plot (Stage.run of DVC)."""
    stages = YAML(typ="safe").load((root / "dvc.yaml").read_text())["stages"]
    outs = [out for stage in stages.values() for out in stage.get("outs", [])]
    assert len(outs) > 6
    assert [
        out for out in outs if not isinstance(out, str) and not next(iter(out.values())).get("cache", True)
    ] == []


def test_no_source_may_lie_in_what_a_stage_writes(root):
    stages = YAML(typ="safe").load((root / "dvc.lock").read_text())["stages"]
    outs = {Path(out["path"]) for stage in stages.values() for out in stage["outs"]}
    assert [out for out in outs if not any(out.is_relative_to(folder) for folder in OUTPUTS)] == []
