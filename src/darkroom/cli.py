"""The command ``darkroom``, for what is no stage: recipes, comparisons, replicates, and the use of a model.

Everything heavy is imported inside the command that needs it, so that ``--help`` answers at once.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from darkroom import UserError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Darkroom, beside the pipeline that `dvc repro` runs: recipes, comparisons, and the use of a model.",
)
recipe_app = typer.Typer(no_args_is_help=True, help="Published results as complete params.yaml files.")
app.add_typer(recipe_app, name="recipe")

RECIPES = Path("recipes")
PARAMS = Path("params.yaml")


class Command(typer.core.TyperCommand):
    """A command whose options, where they cannot be read, end it with exit code 1 as any other mistake does."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Read the command line."""
        try:
            return super().make_context(*arguments, **options)
        except typer.TyperException as error:
            error.exit_code = 1
            raise


def command(parent: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command; a user's mistake ends it with its message and exit code 1, a bug with its traceback."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def guarded(*arguments: Any, **options: Any) -> None:
            try:
                function(*arguments, **options)
            except UserError as error:
                typer.echo(f"darkroom: {error}", err=True)
                raise typer.Exit(1) from None

        parent.command(name, cls=Command)(guarded)
        return guarded

    return register


@command(recipe_app, "list")
def recipe_list() -> None:
    """List the recipes: what each reproduces, what was published, what was measured here."""
    from darkroom import recipes

    for recipe in recipes.read_all(RECIPES):
        typer.echo(recipe.name)
        for field in ("Reproduces", "Published", "Measured", "Time"):
            typer.echo(f"    {field + ':':<12} {recipe.header.get(field, '-')}")


@command(recipe_app, "show")
def recipe_show(name: Annotated[str, typer.Argument(help="A name from `darkroom recipe list`.")]) -> None:
    """Print a recipe, header and all."""
    from darkroom import recipes

    typer.echo(recipes.read(RECIPES, name).text, nl=False)


@command(recipe_app, "use")
def recipe_use(
    name: Annotated[str, typer.Argument(help="A name from `darkroom recipe list`.")],
    inbox: Annotated[
        str | None,
        typer.Option(
            help="Take the images from this folder or archive in data/inbox/ instead of downloading them."
        ),
    ] = None,
    training_only: Annotated[
        bool,
        typer.Option(
            "--training-only",
            help="Keep the images and their split; take over normalize, model, augment and train.",
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite uncommitted edits of params.yaml.")
    ] = False,
) -> None:
    """Write a recipe as params.yaml; `dvc repro` then runs it."""
    from darkroom import recipes

    recipe = recipes.read(RECIPES, name)
    recipes.use(recipe, PARAMS, inbox=inbox, training_only=training_only, force=force)
    what = (
        f"the sections that train are now those of {name}" if training_only else f"params.yaml is now {name}"
    )
    if inbox is not None and ("split", "group_by") in recipe.values:
        what += "; set split.group_by if several of your images show one patient, plant or scene"
    typer.echo(f"{what}; `dvc repro` runs it")


@command(app, "compare")
def compare_command(
    a: Annotated[
        str, typer.Argument(help="A revision, an experiment or `workspace`; several by commas.")
    ] = "HEAD",
    b: Annotated[str, typer.Argument(help="The same, to compare A with.")] = "workspace",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_md: Annotated[bool, typer.Option("--md", help="Print Markdown, as for a pull request.")] = False,
    as_html: Annotated[
        bool, typer.Option("--html", help="Print a page that shows the images in dispute.")
    ] = False,
) -> None:
    """Say whether B is better than A on the images both were tested on, or whether that cannot be told."""
    from darkroom.compare import command as comparison

    chosen: list[comparison.Form] = []
    chosen += ["json"] if as_json else []
    chosen += ["md"] if as_md else []
    chosen += ["html"] if as_html else []
    if len(chosen) > 1:
        raise UserError(f"--{chosen[0]} and --{chosen[1]}: choose one of --json, --md and --html")
    typer.echo(comparison.run(a, b, chosen[0] if chosen else "text", Path()), nl=False)


@command(app, "serve")
def serve_command(
    model: Annotated[
        Path, typer.Argument(help="A folder with model.keras and model.json, or the model's file.")
    ] = Path("models"),
    host: Annotated[
        str, typer.Option(help="The address to listen at; only this computer reaches the default.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8000,
    max_bytes: Annotated[int, typer.Option(min=1, help="Bytes in one request, at most.")] = 50_000_000,
    max_images: Annotated[int, typer.Option(min=1, help="Files in one request, at most.")] = 64,
) -> None:
    """Serve a page that says what the model sees in pictures dropped on it, and the same as JSON."""
    from darkroom.serve import command as server

    server.run(model, host, port, max_bytes, max_images)


@command(app, "replicate")
def replicate_command(
    seeds: Annotated[int, typer.Option(help="How many runs, each with another seed of training.")] = 5,
    start: Annotated[int, typer.Option(help="The first seed.")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set-param", "-S", help="A param of all runs, as for `dvc exp run`.", metavar="KEY=VALUE"
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", "-n", help="Of the group; default: the branch's, followed by the settings."),
    ] = None,
    split_seeds: Annotated[
        bool,
        typer.Option("--split-seeds", help="Give each run another split, too: split.seed varies with seed."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_md: Annotated[bool, typer.Option("--md", help="Print Markdown.")] = False,
) -> None:
    """Train again with other seeds, as DVC experiments, and say how far the figures spread.

    The runs are called NAME@0, NAME@1 …; `darkroom compare NAME@ OTHER@` compares two such groups.
    """
    from darkroom.replicate import command as replication

    if as_json and as_md:
        raise UserError("--json and --md: choose one of them")
    result = replication.run(
        seeds,
        start,
        settings or [],
        name,
        lambda line: typer.echo(line, err=True),
        split_seeds=split_seeds,
    )
    form: replication.Form = "json" if as_json else "md" if as_md else "text"
    typer.echo(replication.render(result, form), nl=False)
    if result.failed:
        raise UserError(replication.complaint(result))


@command(app, "export")
def export_command(
    to: Annotated[str, typer.Option("--to", metavar="onnx|tflite|savedmodel", help="The format.")],
    model: Annotated[
        Path, typer.Argument(help="model.keras with its model.json beside it, or their folder.")
    ] = Path("models"),
    output: Annotated[
        Path | None,
        typer.Option(
            help="The file, or for savedmodel the folder, to write; default: in the current folder."
        ),
    ] = None,
    images: Annotated[
        list[Path] | None,
        typer.Option(
            help="Check on this picture, folder or archive, not on test images; may be given several times."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export.")] = False,
) -> None:
    """Write the model for another runtime, raw pixels in, and check it against Keras on real images first."""
    from darkroom.export import command as exporting

    typer.echo(exporting.run(model, to, output, images or [], force, Path()))


@command(app, "predict")
def predict_command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A folder with model.keras and model.json, or the model's file. Where one argument stands alone, it "
            "is a PATH, and the model that of models/.",
        ),
    ],
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH", help="Pictures, folders and archives of them; - reads a list of paths from stdin."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write this file, not to stdout.")
    ] = None,
    form: Annotated[Literal["csv", "json", "kaggle"], typer.Option("--format", help="Of the table.")] = "csv",
    top: Annotated[
        int | None, typer.Option(min=1, help="Only so many classes of each picture, the likeliest first.")
    ] = None,
    label: Annotated[
        Literal["index", "probability", "name"] | None,
        typer.Option(
            help="With --format kaggle: the class's number (default), the second class's probability, or its name."
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures in a step.")] = 256,
    workers: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Threads that decode; default: one a processor.")
    ] = None,
    backend: Annotated[
        Literal["tensorflow", "torch", "jax"] | None,
        typer.Option(help="Compute on this; default: what the model was trained on."),
    ] = None,
    precision: Annotated[
        Literal["float32", "bfloat16"],
        typer.Option(help="bfloat16 is faster on hardware that has it, and slower elsewhere."),
    ] = "float32",
    max_bytes: Annotated[
        int, typer.Option(min=1, help="Refuse a file, or an archive's content, of more bytes than this.")
    ] = 20_000_000_000,
) -> None:
    """Say what a trained model sees in new pictures, prepared as in training.

    Files that cannot be used are told on stderr and left out; the exit code is 2 if there are any.
    """
    from darkroom.predict import command as prediction

    if not paths:
        model, paths = "models", [model]
    options = prediction.Options(output, form, top, label, batch_size, workers, backend, precision, max_bytes)
    if prediction.run(Path(model), paths, options):
        raise typer.Exit(2)


@command(app, "verify")
def verify_command(
    recipe: Annotated[
        str | None, typer.Option(help="Run this recipe twice and compare the two runs.")
    ] = None,
    inbox: Annotated[str | None, typer.Option(help="With --recipe: its images, in data/inbox/.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("-S", "--set-param", metavar="KEY=VALUE", help="Run twice with this param; any number."),
    ] = None,
) -> None:
    """Run the last commit again from nothing, in a temporary clone, and compare every output with dvc.lock."""
    from darkroom.verify import verify

    wrong = verify(Path.cwd(), recipe, inbox, settings or [])
    for line in wrong:
        typer.echo(line)
    if wrong:
        raise UserError(f"{len(wrong)} outputs differ; docs/reproducibility.md says what can cause that")
    typer.echo("every output is the same, byte for byte")
