"""Darkroom: a set of labelled images in, a trained, measured and reproducible classifier out."""


def how_to_install(extra: str) -> str:
    """Return the command that installs an optional extra of pyproject.toml, in the versions that the lock pins."""
    return f"`make extra-{extra}`"


class UserError(Exception):
    """A mistake the user can correct: a parameter, a file, a server's refusal.

    The message says what was read, where, what was expected and what to do next. Stages and commands print it
    without a traceback and end with exit code 1; any other exception is a bug and keeps its traceback.
    """
