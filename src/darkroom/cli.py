"""The command-line interface ``darkroom``: recipes, comparison of runs, replicates, use and stress of a trained model.

Everything heavy is imported inside the command that needs it, so that ``--help`` answers at once.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from darkroom import UserError, project

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Tools around the pipeline that `dvc repro` runs: apply recipes, compare and repeat runs, use the model.",
)
recipe_app = typer.Typer(
    no_args_is_help=True, help="List, show and apply recipes: the params of documented results."
)
app.add_typer(recipe_app, name="recipe")

RECIPES = Path("recipes")
PARAMS = Path("params.yaml")
INBOX = Path("data/inbox")


def _recipe_names(incomplete: str) -> list[str]:
    """Return the recipes that a shell completes to."""
    from darkroom import recipes

    project.enter()
    return [name for name in recipes.names(RECIPES) if name.startswith(incomplete)]


RecipeName = Annotated[
    str, typer.Argument(help="A name from `darkroom recipe list`.", autocompletion=_recipe_names)
]


class Command(typer.core.TyperCommand):
    """A command whose options, where they cannot be read, end it with exit code 1 as any other mistake does."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Read the command line."""
        try:
            return super().make_context(*arguments, **options)
        except typer.TyperException as error:
            error.exit_code = 1
            raise


def command(
    parent: typer.Typer, name: str, in_project: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command; a user's mistake ends it with its message and exit code 1, a bug with its traceback.

    One that is ``in_project`` takes no paths, and runs in the project's folder wherever inside it was typed.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def guarded(*arguments: Any, **options: Any) -> None:
            try:
                if in_project:
                    project.enter()
                function(*arguments, **options)
            except UserError as error:
                typer.echo(f"darkroom: {error}", err=True)
                raise typer.Exit(1) from None

        parent.command(name, cls=Command)(guarded)
        return guarded

    return register


@command(app, "init")
def init_command(
    images: Annotated[
        str, typer.Argument(help="A folder or archive of images, in data/inbox/ or anywhere on disk.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only look and propose; leave params.yaml as it is.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite uncommitted edits of params.yaml; refused otherwise.")
    ] = False,
) -> None:
    """Look at a set of images, and write params.yaml for it: recipe, kind of labels, resolution and colour.

    Says what was found, and a reason for each choice; `dvc repro` then runs it.
    """
    from darkroom.init import command as initialization

    # From here, or else in data/inbox, whatever the working folder is.
    images = (
        str(Path(images).absolute()) if Path(images).exists() and project.root() != Path.cwd() else images
    )
    project.enter()
    typer.echo(initialization.run(images, Path(), force=force, dry_run=dry_run), nl=False)


@command(recipe_app, "list", in_project=True)
def recipe_list() -> None:
    """List the recipes: what each reproduces, the published result and the one measured here."""
    from darkroom import recipes

    for recipe in recipes.read_all(RECIPES):
        typer.echo(recipe.name)
        for field in ("Reproduces", "Published", "Measured", "Time"):
            typer.echo(f"    {field + ':':<12} {recipe.header.get(field, '-')}")


@command(recipe_app, "show", in_project=True)
def recipe_show(name: RecipeName) -> None:
    """Print a recipe as the complete params.yaml that `recipe use` writes."""
    from darkroom import recipes

    typer.echo(recipes.read(RECIPES, name).text, nl=False)


@command(recipe_app, "use", in_project=True)
def recipe_use(
    name: RecipeName,
    inbox: Annotated[
        str | None,
        typer.Option(
            help="Name of a folder or archive in data/inbox/ to use instead of the recipe's data set."
        ),
    ] = None,
    training_only: Annotated[
        bool,
        typer.Option(
            "--training-only",
            help="Replace only the sections normalize, model, augment and train; keep the images and their split.",
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite uncommitted edits of params.yaml; refused otherwise.")
    ] = False,
) -> None:
    """Overwrite params.yaml with a recipe; `dvc repro` then runs it."""
    from darkroom import recipes

    recipe = recipes.read(RECIPES, name)
    changed = recipes.use(recipe, PARAMS, inbox=inbox, training_only=training_only, force=force)
    typer.echo("\n    ".join(["params.yaml, what changes:", *(changed or ["nothing but comments"])]))
    what = (
        f"normalize, model, augment and train now come from {name}"
        if training_only
        else f"params.yaml is now {name}"
    )
    if inbox is not None and ("split", "group_by") in recipe.values:
        what += "; set split.group_by if several of your images show one patient, plant or scene"
    if inbox is not None and not ((INBOX / inbox).exists() or Path(inbox).exists()):
        what += f"; {INBOX / inbox} is not there yet"
    typer.echo(f"{what}; `dvc repro` runs it")


@command(app, "compare", in_project=True)
def compare_command(
    a: Annotated[
        str,
        typer.Argument(
            help="Run A: a Git revision, a DVC experiment or `workspace`. Or a group of runs: REV,REV,…, or NAME@ for "
            "NAME@0, NAME@1 … that `darkroom replicate` made."
        ),
    ] = "HEAD",
    b: Annotated[str, typer.Argument(help="Run B, given in the same way.")] = "workspace",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_md: Annotated[bool, typer.Option("--md", help="Print Markdown, for a pull request.")] = False,
    as_html: Annotated[
        bool,
        typer.Option("--html", help="Print an HTML page that shows the images on which A and B disagree."),
    ] = False,
) -> None:
    """Test whether runs A and B differ significantly in accuracy on the test images that both have.

    Their metrics and the params that differ are listed, too.
    """
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
        Path, typer.Argument(help="The folder with model.keras and model.json, or the model.keras itself.")
    ] = Path("models"),
    host: Annotated[
        str, typer.Option(help="Address to listen on; the default is reachable from this computer only.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")
    ] = 8000,
    max_bytes: Annotated[int, typer.Option(min=1, help="Maximum size of a request, in bytes.")] = 50_000_000,
    max_images: Annotated[
        int, typer.Option(min=1, help="Maximum number of images (files) in a request.")
    ] = 64,
) -> None:
    """Serve the model over HTTP: a web page to drop images on, and a JSON endpoint."""
    from darkroom.serve import command as server

    server.run(project.located(model), host, port, max_bytes, max_images)


_Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set-param",
        "-S",
        help="Set a parameter in all runs, as `dvc exp run -S`; repeatable.",
        metavar="KEY=VALUE",
    ),
]


@command(app, "replicate", in_project=True)
def replicate_command(
    seeds: Annotated[int, typer.Option(help="Number of runs, each with another seed of training.")] = 5,
    start: Annotated[int, typer.Option(help="Seed of the first run; the others count up from it.")] = 0,
    settings: _Settings = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", "-n", help="Name of the group of runs; default: the Git branch and the overrides of -S."
        ),
    ] = None,
    split_seeds: Annotated[
        bool,
        typer.Option(
            "--split-seeds",
            help="Vary split.seed with the training seed: each run gets its own train/validation/test split.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_md: Annotated[bool, typer.Option("--md", help="Print Markdown.")] = False,
) -> None:
    """Repeat training with different seeds, as DVC experiments.

    For each metric it prints the mean, the standard deviation and a 95 % confidence interval. The runs are called
    NAME@0, NAME@1 …; `darkroom compare NAME@ OTHER@` compares two such groups.
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


@command(app, "crossvalidate", in_project=True)
def crossvalidate_command(
    folds: Annotated[
        int, typer.Option(help="Number of folds: of runs, each tested on another part of the images.")
    ] = 5,
    settings: _Settings = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            "-n",
            help="Name of the group of runs; default: the Git branch, the overrides of -S and the number of folds.",
        ),
    ] = None,
) -> None:
    """Test every image once: train and test on each of several folds, as DVC experiments.

    Prints the accuracy on all images with its interval, by fold, log loss and the recall of each class. Writes every
    image's prediction to data/out_of_fold.csv and the figures to metrics/crossvalidate.json.
    """
    from darkroom.crossvalidate import command as crossvalidation

    pooled = crossvalidation.run(folds, settings or [], name, lambda line: typer.echo(line, err=True))
    typer.echo(crossvalidation.render(pooled), nl=False)


@command(app, "audit")
def audit_command(
    predictions: Annotated[
        Path | None,
        typer.Option(
            help="Table of predictions of images that their model did not see; default: data/out_of_fold.csv."
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Write labels.csv and labels.html to this folder.")
    ] = Path("audit"),
) -> None:
    """Find labels that are likely wrong, by confident learning on the predictions of `darkroom crossvalidate`."""
    from darkroom.audit import command as audit

    typer.echo(audit.run(predictions, output, project.root() or Path()))


@command(app, "export")
def export_command(
    to: Annotated[str, typer.Option("--to", metavar="onnx|tflite|savedmodel", help="Export format.")],
    model: Annotated[
        Path, typer.Argument(help="The folder with model.keras and model.json, or the model.keras itself.")
    ] = Path("models"),
    output: Annotated[
        Path | None,
        typer.Option(
            help="Output path: a file, or a folder for savedmodel; default: model.onnx, model.tflite or model here."
        ),
    ] = None,
    images: Annotated[
        list[Path] | None,
        typer.Option(
            help="Check on these images (file, folder or archive) instead of the test images; repeatable."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing export.")] = False,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8",
            help="With --to tflite: quantize to whole numbers, and measure the accuracy on the test images.",
        ),
    ] = False,
) -> None:
    """Export the model to ONNX, TFLite or SavedModel.

    Its predictions are checked against those of Keras first; where they differ, nothing is written.
    """
    from darkroom.export import command as exporting

    above = project.root() or Path()
    typer.echo(exporting.run(project.located(model), to, output, images or [], force, above, int8=int8))


@command(app, "card")
def card_command(
    output: Annotated[Path, typer.Option("--output", "-o", help="The Markdown file to write.")] = Path(
        "card.md"
    ),
    name: Annotated[str, typer.Option(help="The model's name.")] = "image-classifier",
    license: Annotated[
        str | None,
        typer.Option(
            help="The model's licence as the Hugging Face hub calls it, as apache-2.0; left out by default."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file if it exists, with what was filled in.")
    ] = False,
) -> None:
    """Write a model card of the finished run: network, data, results on test, limits, how to use and reproduce it.

    It begins with the front matter that the Hugging Face hub reads; there its name is README.md.
    """
    from darkroom.card import command as card

    typer.echo(card.run(output, name, license, force, project.root() or Path()))


@command(app, "stress")
def stress_command(
    model: Annotated[
        Path, typer.Argument(help="The folder with model.keras and model.json, or the model.keras itself.")
    ] = Path("models"),
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="Measure this kind of disturbance alone; repeatable. One of gaussian_noise, gaussian_blur, jpeg, "
            "brightness, contrast, rotation, scale, occlusion, fgsm and pgd.",
            metavar="NAME",
        ),
    ] = None,
    images: Annotated[
        int, typer.Option(min=1, help="Use at most this many test images, of each class in proportion.")
    ] = 500,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of noise, places, directions and the starts of attacks.")
    ] = 0,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Write stress.json, stress.csv and stress.html to this folder."),
    ] = Path("stress"),
) -> None:
    """Measure how accurate the model stays on test images that are disturbed or attacked.

    Each accuracy is compared with that on the same images as they are; every kind has five severities.
    """
    from darkroom.stress import command as stress

    above = project.root() or Path()
    typer.echo(stress.run(project.located(model), kind or [], images, seed, output, above))


@command(app, "predict")
def predict_command(
    paths: Annotated[
        list[str],
        typer.Argument(help="Image files, folders or archives; - reads a list of paths from stdin."),
    ],
    model: Annotated[
        Path,
        typer.Option(
            "--model", "-m", help="The folder with model.keras and model.json, or the model.keras itself."
        ),
    ] = Path("models"),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file instead of stdout.")
    ] = None,
    form: Annotated[
        Literal["csv", "json", "html", "kaggle"],
        typer.Option("--format", help="Output format of the table; html is a page with the pictures."),
    ] = "csv",
    top: Annotated[
        int | None,
        typer.Option(min=1, help="Show only the K most likely classes of each image.", metavar="K"),
    ] = None,
    label: Annotated[
        Literal["index", "probability", "name"] | None,
        typer.Option(
            help="With --format kaggle: content of the label column: class index (default), probability of the second "
            "class (of two), or class name."
        ),
    ] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Add a column `answered`: false where the most likely class is less likely than this. "
            "evaluate.abstain finds a value.",
            metavar="P",
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images per batch.")] = 256,
    workers: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Decoding threads; default: one per CPU core.")
    ] = None,
    backend: Annotated[
        Literal["tensorflow", "torch", "jax"] | None,
        typer.Option(help="Keras backend; default: the one the model was trained on."),
    ] = None,
    precision: Annotated[
        Literal["float32", "bfloat16"],
        typer.Option(
            help="Data type of the computation; bfloat16 changes probabilities a little, and is faster on hardware "
            "that supports it, slower elsewhere."
        ),
    ] = "float32",
    max_bytes: Annotated[
        int,
        typer.Option(
            min=1,
            help="Reject files, and archives whose unpacked content is, above this many bytes.",
        ),
    ] = 20_000_000_000,
    submit: Annotated[
        str | None,
        typer.Option(
            help="With --format kaggle and --output: submit the file to this competition, by the official client.",
            metavar="COMPETITION",
        ),
    ] = None,
) -> None:
    """Predict the class of new images, preprocessed exactly as in training.

    Files that cannot be used are skipped and reported on stderr; the exit code is 2 if any was skipped.
    """
    from darkroom.predict import command as prediction

    options = prediction.Options(
        output, form, top, label, min_confidence, batch_size, workers, backend, precision, max_bytes, submit
    )
    if prediction.run(project.located(model), paths, options):
        raise typer.Exit(2)


@command(app, "evaluate")
def evaluate_command(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Folders or archives with a folder for each class, or image files in such; - reads a list from stdin."
        ),
    ],
    model: Annotated[
        Path,
        typer.Option(
            "--model", "-m", help="The folder with model.keras and model.json, or the model.keras itself."
        ),
    ] = Path("models"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Images per batch.")] = 256,
) -> None:
    """Measure the model on new labelled images: accuracy, recall by class, and what was taken for what.

    The folder in which an image lies is its class. Folders that are no class of the model and files that cannot be
    used are left out and reported on stderr; the exit code is 2 if there were any.
    """
    from darkroom.predict import labelled
    from darkroom.predict.command import Options

    if labelled.run(project.located(model), paths, Options(batch_size=batch_size), as_json):
        raise typer.Exit(2)


@command(app, "table")
def table_command(
    output: Annotated[Path, typer.Argument(help="The CSV file to write.")],
    folder: Annotated[
        Path, typer.Option("--images", help="The folder of decoded images, or of unlabelled ones in it.")
    ] = Path("data/images"),
) -> None:
    """Write all decoded images as one CSV, with columns id, label, pixel0, pixel1 and so on.

    Darkroom itself takes such a file as `source.path`, too.
    """
    from darkroom import images

    folder = project.located(folder)
    if not (folder / "images.json").is_file():
        raise UserError(f"{folder}: no decoded images; run `dvc repro decode`")
    found = images.Images(folder)
    images.write_table(found, output)
    typer.echo(f"{output}: {len(found)} images")


@command(app, "doctor", in_project=True)
def doctor_command() -> None:
    """Say what this machine and project have, what would go wrong, and how to fix it.

    The exit code is 1 if something will fail.
    """
    from darkroom import doctor

    found = doctor.examine(Path())
    for one in found:
        typer.echo(f"{one.level:<7}  {one.text}")
    failing = sum(one.level == "fails" for one in found)
    if failing:
        raise UserError(f"{failing} of {len(found)} will fail; fix what is marked so")


@command(app, "verify", in_project=True)
def verify_command(
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Run this recipe twice and compare the two runs, instead of the last commit with its dvc.lock."
        ),
    ] = None,
    inbox: Annotated[
        str | None,
        typer.Option(
            help="With --recipe: name of a folder or archive in data/inbox/ to use instead of the recipe's data set."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "-S",
            "--set-param",
            metavar="KEY=VALUE",
            help="Override a parameter, as `dvc exp run -S`: the pipeline runs twice and the two runs are compared; "
            "repeatable.",
        ),
    ] = None,
) -> None:
    """Reproduce the last commit from scratch in a temporary clone and compare every output with its dvc.lock.

    Uncommitted edits are not part of it, and the workspace stays as it is.
    """
    from darkroom.verify import verify

    wrong = verify(Path.cwd(), recipe, inbox, settings or [])
    for line in wrong:
        typer.echo(line)
    if wrong:
        raise UserError(f"{len(wrong)} outputs differ; docs/reproducibility.md says what can cause that")
    typer.echo("every output is the same, byte for byte")
