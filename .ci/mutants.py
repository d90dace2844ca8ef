"""Spoil the code of a room, one operator or number at a time, and show what the room's own quick tests do not notice.

Nothing of the working tree changes: cosmic-ray spoils a copy in build/mutants/, which git ignores, and leaves its
findings there in mutants.sqlite.
"""

import argparse
import ast
import os
import random
import re
import shlex
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

KEPT = re.compile(
    r"core/(AddNot|NumberReplacer|Replace(And|Or|True|False|Break|Continue)With\w+"
    r"|ReplaceUnaryOperator_(USub_UAdd|Delete_Not|Delete_Invert)|ReplaceComparisonOperator_(Eq_NotEq|NotEq_Eq"
    r"|Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Is_IsNot|IsNot_Is)|ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul"
    r"|FloorDiv_Mul|Mod_Mul|Pow_Mul|RShift_LShift|LShift_RShift|BitOr_BitAnd|BitAnd_BitOr|BitXor_BitAnd))"
)
"""One mutant for each operator: cosmic-ray would try all eleven others in its place, which any test notices."""


def copied(folder: Path) -> None:
    """Copy what git tracks, and new files that it does not ignore, into ``folder``, made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def idle(path: Path) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return what no test could notice in a file, from and to (line, column): types, and guards against bugs."""
    parts = []
    for node in ast.walk(ast.parse(path.read_text())):
        parts += [getattr(node, "annotation", None), getattr(node, "returns", None)]
        if isinstance(node, ast.keyword) and node.arg in {"strict", "frozen"}:
            parts.append(node.value)
    return [
        ((part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)) for part in parts if part
    ]


def choose(folder: Path, most: int) -> None:
    """Leave ``most`` of the mutants to be tried, at random but always the same; 0: all that are kept."""
    unseen = {path.relative_to(folder): idle(path) for path in (folder / "src").rglob("*.py")}
    with sqlite3.connect(folder / "mutants.sqlite") as found:
        rows = found.execute(
            "SELECT job_id, operator_name, module_path, start_pos_row, start_pos_col FROM mutation_specs"
            " ORDER BY module_path, start_pos_row, start_pos_col, operator_name, occurrence"
        ).fetchall()
        kept = [
            job
            for job, operator, module, *place in rows
            if KEPT.fullmatch(operator)
            and not any(start <= tuple(place) < end for start, end in unseen[Path(module)])
        ]
        chosen = set(random.Random(0).sample(kept, min(most or len(kept), len(kept))))
        for table in ("mutation_specs", "work_items"):
            found.executemany(
                f"DELETE FROM {table} WHERE job_id = ?", [(row[0],) for row in rows if row[0] not in chosen]
            )
    print(f"{len(chosen)} of {len(kept)} mutants", flush=True)


def main() -> None:
    """Read the command line and run it all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("room", help="folder or file of src/darkroom: split, images.py, train/geometry.py")
    parser.add_argument("--sample", type=int, default=0, help="so many mutants, drawn at random; 0: all")
    parser.add_argument("--tests", help="run these instead of all tests of the room, the likeliest first")
    options = parser.parse_args()
    first = options.room.partition("/")[0]
    tests = options.tests or ("tests/test_" if first.endswith(".py") else "tests/") + first

    folder = ROOT / "build" / "mutants" / re.sub(r"\W", "-", options.room)
    copied(folder)
    # In front of the installed package, for the tests and for the processes they start.
    env = os.environ | {"PYTHONPATH": str(folder / "src")}
    command = f'python -m pytest {tests} -m "not slow" -x -q -p no:cacheprovider'
    start = time.monotonic()
    subprocess.run(shlex.split(command), cwd=folder, env=env, check=True)
    # Under a mutant the tests may go round for ever; then they have noticed it.
    limit = 60 + 5 * (time.monotonic() - start)
    (folder / "mutants.toml").write_text(
        f'[cosmic-ray]\nmodule-path = "src/darkroom/{options.room}"\ntimeout = {limit:.0f}\nexcluded-modules = []\n'
        f"test-command = '{command}'\n[cosmic-ray.distributor]\nname = \"local\"\n"
    )
    run = ["cosmic-ray", "init", "mutants.toml", "mutants.sqlite"]
    subprocess.run(run, cwd=folder, env=env, check=True)
    choose(folder, options.sample)
    subprocess.run(["cosmic-ray", "exec", *run[2:]], cwd=folder, env=env, check=True)
    subprocess.run(
        ["cr-report", "--surviving-only", "--show-diff", "mutants.sqlite"], cwd=folder, env=env, check=True
    )


if __name__ == "__main__":
    main()
