"""A small repository of git and DVC, driven from the shell as a user does."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


class Project:
    """A repository of git and DVC in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = os.environ | {
            # `python` in dvc.yaml is the one on PATH: let it be this one.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "DVC_NO_ANALYTICS": "1",
        }

    def begin(self, contents: Mapping[str, str]) -> None:
        """Write files, by name, into the folder and make it a repository of both; nothing is committed."""
        for name, text in contents.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.run("git", "init", "--quiet", "--initial-branch", "main")
        self.run("git", "config", "user.name", "Test")
        self.run("git", "config", "user.email", "test@example.com")
        self.run("dvc", "init", "--quiet")

    def run(self, *words: str, code: int = 0) -> str:
        """Run a command there; its output, or an error that shows it where its exit code is another."""
        done = self.done(*words)
        assert done.returncode == code, f"{words}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def done(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command there, whatever its exit code."""
        return subprocess.run(
            words, cwd=self.folder, env=self.env, capture_output=True, text=True, check=False
        )

    def set(self, old: str, new: str) -> None:
        """Replace a line of params.yaml."""
        path = self.folder / "params.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)

    def repro(self, message: str) -> None:
        """Run the pipeline and commit everything."""
        self.run("dvc", "repro", "--quiet")
        self.commit(message)

    def experiments(self) -> dict[str, str]:
        """Return the experiments there are, name to commit."""
        form = "--format=%(refname:lstrip=-1) %(objectname)"
        lines = self.run("git", "for-each-ref", form, "refs/exps/*/*/*").splitlines()
        return dict(line.split(" ") for line in lines)

    def snapshot(self) -> dict[str, bytes]:
        """Return every file outside .git and .dvc, whose own stores change by design."""
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        kept = (path for path in paths if path.relative_to(self.folder).parts[0] not in {".git", ".dvc"})
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in kept}
