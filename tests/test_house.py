"""What holds for the source as a whole."""

import ast
import re
from pathlib import Path

import pytest

PARAMETERS = 8
"""Of a function, at most; the commands of cli.py have one for each option."""


@pytest.fixture(scope="module")
def source(root: Path) -> dict[Path, str]:
    return {path: path.read_text() for path in sorted((root / "src").rglob("*.py"))}


def functions(text: str) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]


def test_a_function_that_its_own_file_alone_uses_has_an_underscore(
    source: dict[Path, str], root: Path
) -> None:
    others = {
        path: path.read_text()
        for folder in ("stages", "tests", "benchmarks")
        for path in (root / folder).rglob("*.py")
    }
    words = {path: set(re.findall(r"\w+", text)) for path, text in (source | others).items()}
    alone = [
        f"{path.relative_to(root)}: {node.name}"
        for path, text in source.items()
        if path.name != "cli.py"
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        if not any(node.name in found for other, found in words.items() if other != path)
    ]
    assert alone == []


def test_no_function_has_many_parameters(source: dict[Path, str]) -> None:
    many = {
        node.name: count
        for path, text in source.items()
        if path.name != "cli.py"
        for node in functions(text)
        if (count := len(node.args.args) + len(node.args.kwonlyargs)) > PARAMETERS
    }
    assert many == {}


@pytest.mark.parametrize(("what", "where"), [("DVC_ROOT", "files.py"), ("dup2", "redirection.py")])
def test_one_module_knows(source: dict[Path, str], what: str, where: str) -> None:
    assert [path.name for path, text in source.items() if f'"{what}"' in text or f".{what}(" in text] == [
        where
    ]


def test_each_type_of_array_is_defined_once(source: dict[Path, str]) -> None:
    names = [
        name for text in source.values() for name in re.findall(r"^(\w+) = npt\.NDArray", text, re.MULTILINE)
    ]
    assert sorted(names) == sorted(set(names))


def test_comments_stand_above_what_they_are_about(root: Path) -> None:
    """A comment behind a long line has the formatter blow the line up."""
    trailing = [
        f"{path.relative_to(root)}:{number}"
        for folder in ("src", "stages", "tests", "benchmarks")
        for path in sorted((root / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.match(r"\s*[)\]}]+:?  # (?!fmt|type|noqa)", line)
    ]
    assert trailing == []
