"""What `darkroom card` refuses."""

import pytest

from darkroom import UserError
from darkroom.card import command
from tests.plot.pages import changed


def refused(project, output, **options):
    chosen = {"name": "m", "license": None, "force": False} | options
    with pytest.raises(UserError) as error:
        command.run(output, **chosen, project=project)
    return str(error.value)


@pytest.mark.parametrize("lock", [None, "", "schema: '2.0'\nstages:\n  fetch: {cmd: x}\n"])
def test_without_a_finished_run_the_message_names_what_to_run(tmp_path, lock):
    if lock is not None:
        (tmp_path / "dvc.lock").write_text(lock)
    said = refused(tmp_path, tmp_path / "card.md")
    assert f"no run of {'decode' if lock and 'fetch' in lock else 'fetch'}" in said
    assert "`dvc repro`" in said
    assert not (tmp_path / "card.md").exists()


def test_what_was_filled_in_is_not_overwritten(tmp_path):
    (tmp_path / "card.md").write_text("mine")
    assert "--force" in refused(tmp_path, tmp_path / "card.md")
    assert (tmp_path / "card.md").read_text() == "mine"


def test_a_folder_and_a_place_that_dvc_empties_are_refused(tmp_path):
    (tmp_path / "models").mkdir()
    assert "a folder" in refused(tmp_path, tmp_path / "models")
    assert "empties models/" in refused(tmp_path, tmp_path / "models" / "README.md", force=True)


@pytest.mark.parametrize("option", ["name", "license"])
def test_a_blank_name_is_refused(tmp_path, option):
    assert refused(tmp_path, tmp_path / "card.md", **{option: " "}).startswith(f"--{option}: got ' '")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("/home/ada/photos (local)", "photos (local)"),
        (r"C:\Users\ada\photos and 2 more (local)", "photos and 2 more (local)"),
        ("https://example.org/a.zip (http)", "https://example.org/a.zip (http)"),
    ],
)
def test_folders_of_this_machine_are_not_told(results, source, told):
    run = command._public(changed(results, fetch={"source": source}))
    assert run.scores["fetch"]["source"] == told
