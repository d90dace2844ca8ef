"""A file of predictions handed in by the official Kaggle client to a local server that plays Kaggle."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from darkroom import UserError
from darkroom.predict import command, submission
from darkroom.predict.command import Options
from tests.fetch.conftest import Answerer, Site, clean_environment, start_site  # noqa: F401  (fixtures)
from tests.fetch.test_kaggle import kaggle  # noqa: F401  (a fixture)

START = "/api/v1/competitions.CompetitionApiService/StartSubmissionUpload"
UPLOAD = "/upload"
SUBMIT = "/api/v1/competitions.CompetitionApiService/CreateSubmission"


def answering(content: object, status: int = 200) -> Callable[[Answerer], None]:
    """Return an answer in JSON."""

    def answer(answerer: Answerer) -> None:
        answerer.send(status, json.dumps(content).encode(), Content_Type="application/json")

    return answer


@pytest.fixture
def open_competition(kaggle: Site) -> Site:  # noqa: F811
    """Return a Kaggle that takes submissions."""
    kaggle.answers[START] = answering({"token": "ticket", "createUrl": kaggle.url(UPLOAD)})
    kaggle.answers[UPLOAD] = answering({})
    kaggle.answers[SUBMIT] = answering({"message": "Successfully submitted", "ref": 1})
    return kaggle


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "submission.csv"
    path.write_text("id,label\n1,0\n")
    return path


def test_the_file_is_uploaded_whole_and_submitted_with_its_description(
    open_competition: Site, written: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said = submission.Entry("dogs-vs-cats").submit(written, "darkroom predict, commit abc")
    assert said == (
        f"{written}: submitted to https://www.kaggle.com/competitions/dogs-vs-cats/submissions as "
        "'darkroom predict, commit abc'"
    )
    start, upload, submit = open_competition.requests
    assert json.loads(start.body)["competitionName"] == "dogs-vs-cats"
    assert json.loads(start.body)["contentLength"] in (written.stat().st_size, str(written.stat().st_size))
    assert upload.body == written.read_bytes()
    asked = json.loads(submit.body)
    assert (asked["competitionName"], asked["blobFileTokens"]) == ("dogs-vs-cats", "ticket")
    assert asked["submissionDescription"] == "darkroom predict, commit abc"
    spoken = capfd.readouterr()
    assert spoken.out + spoken.err == ""


@pytest.mark.parametrize(
    ("where", "status", "message"),
    [
        (
            START,
            401,
            "HTTP 401: Kaggle refuses the credentials; make a token at .* kaggle.json into ~/.kaggle",
        ),
        (
            START,
            403,
            "HTTP 403: .*accept the competition's rules at https://www.kaggle.com/competitions/dogs/rules",
        ),
        (START, 404, "HTTP 404: Kaggle has no such thing; check the name"),
        (SUBMIT, 400, "HTTP 400: Kaggle refuses the file: used its daily Submission allowance"),
        (
            UPLOAD,
            500,
            "Kaggle does not answer, or the connection broke off; check the network and run again$",
        ),
    ],
)
def test_a_refusal_says_what_to_do(
    open_competition: Site, written: Path, where: str, status: int, message: str
) -> None:
    open_competition.answers[where] = answering(
        {"code": status, "message": "used its daily Submission allowance"}, status
    )
    with pytest.raises(UserError, match=f"^--submit dogs: {message}"):
        submission.Entry("dogs").submit(written, "mine")


def test_without_credentials_it_says_where_they_belong(
    kaggle: Site,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(
        UserError, match=r"^--submit dogs: no Kaggle credentials; make a token at .*kaggle\.json"
    ):
        submission.Entry("dogs")
    assert kaggle.requests == []


def test_the_description_names_the_commit_and_whether_it_is_all(tmp_path: Path) -> None:
    assert submission.message(tmp_path) == "darkroom predict"

    def git(*words: str) -> str:
        identity = ("-c", "user.name=T", "-c", "user.email=t@example.com")
        done = subprocess.run(
            ["git", *identity, *words], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    git("init", "--quiet")
    (tmp_path / "params.yaml").write_text("seed: 0\n")
    git("add", "--all")
    git("commit", "--quiet", "--message", "One")
    git("tag", "--annotate", "v1", "--message", "v1")
    commit = git("rev-parse", "--short=12", "HEAD")
    assert submission.message(tmp_path) == f"darkroom predict, commit {commit}"
    (tmp_path / "params.yaml").write_text("seed: 1\n")
    assert submission.message(tmp_path) == f"darkroom predict, commit {commit} with uncommitted changes"


def test_predictions_are_handed_in_when_every_picture_could_be_used(
    open_competition: Site,
    models: Path,
    pictures: Path,
    tmp_path: Path,
    tensorflow_started: None,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "out.csv"
    options = Options(output=path, form="kaggle", submit="dogs-vs-cats")
    assert command.run(models, [str(pictures)], options) == 0
    assert capfd.readouterr().out.startswith(f"{path}: submitted to https://www.kaggle.com/")
    assert open_competition.requests[1].body == path.read_bytes()
    assert path.read_bytes().startswith(b"id,label\n1,")
    (pictures / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(
        UserError, match=r"^--submit dogs-vs-cats: not submitted, as .*out\.csv lacks the files"
    ):
        command.run(models, [str(pictures)], options)
    assert len(open_competition.requests) == 3


def test_only_a_written_file_of_the_right_form_can_be_handed_in(
    models: Path, pictures: Path, tmp_path: Path
) -> None:
    expected = "--submit dogs: hands in the file of --format kaggle --output FILE; give both"
    for options in (
        Options(output=tmp_path / "out.csv", submit="dogs"),
        Options(form="kaggle", submit="dogs"),
    ):
        with pytest.raises(UserError, match=expected):
            command.run(models, [str(pictures)], options)
    address = Options(output=tmp_path / "out.csv", form="kaggle", submit="https://kaggle.com/c/dogs")
    with pytest.raises(UserError, match=r"--submit: got .*; expected the last part"):
        command.run(models, [str(pictures)], address)
