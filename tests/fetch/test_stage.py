"""The stage's one function: data/raw filled, source.json and metrics written, for every kind of source."""

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from darkroom import UserError, files
from darkroom.fetch.stage import fetch
from tests.fetch.conftest import File, Site, make_source, make_zip


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "inbox").mkdir(parents=True)
    return tmp_path / "data" / "raw"


def run(raw: Path, **changes: Any) -> dict[str, object]:
    return fetch(make_source(**changes), raw.parent / "inbox", raw)


def archives(raw: Path) -> list[dict[str, Any]]:
    content = json.loads((raw / "source.json").read_text())
    return list(content["archives"])


@pytest.mark.parametrize(("name", "images"), [("digits", 1797), ("ox", 104)])
def test_a_bundled_set_is_one_archive_with_the_same_bytes_every_time(
    name: str, images: int, raw: Path
) -> None:
    metrics = run(raw, name=name)
    before = {path.name: path.read_bytes() for path in raw.iterdir()}
    assert set(before) == {f"{name}.zip", "source.json"}
    with zipfile.ZipFile(raw / f"{name}.zip") as archive:
        names = archive.namelist()
    assert len(names) == images
    assert names == sorted(names)
    origin = {"digits": "scikit-learn: load_digits", "ox": "darkroom: drawings of O and X, seed 0"}[name]
    assert metrics == {
        "source": f"{origin} (bundled)",
        "archives": 1,
        "bytes": len(before[f"{name}.zip"]),
    }
    run(raw, name=name)
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == before


def test_another_seed_draws_another_archive(raw: Path) -> None:
    run(raw, name="ox", seed=0)
    first = archives(raw)
    run(raw, name="ox", seed=1)
    assert archives(raw)[0]["sha256"] != first[0]["sha256"]


def test_what_was_in_raw_before_is_gone(raw: Path) -> None:
    raw.mkdir()
    (raw / "old.zip").write_bytes(b"old")
    run(raw)
    assert not (raw / "old.zip").exists()


def test_source_json_says_of_each_archive_where_from_and_its_digest(raw: Path, site: Site) -> None:
    content = make_zip()
    site.answers |= {"/a.zip": File(content), "/b.zip": File(content)}
    urls = [site.url("/a.zip"), site.url("/b.zip")]
    metrics = run(raw, kind="http", urls=urls)
    digest = hashlib.sha256(content).hexdigest()
    assert archives(raw) == [
        {"name": name, "from": url, "bytes": len(content), "sha256": digest}
        for name, url in zip(["a.zip", "b.zip"], urls, strict=True)
    ]
    assert metrics == {"source": f"{urls[0]} and 1 more (http)", "archives": 2, "bytes": 2 * len(content)}


def test_one_path_or_address_needs_no_list(raw: Path, site: Site) -> None:
    content = make_zip()
    (raw.parent / "inbox" / "photos.zip").write_bytes(content)
    run(raw, kind="local", path="photos.zip")
    assert archives(raw)[0]["from"] == "photos.zip"
    site.answers["/a.zip"] = File(content)
    run(raw, kind="http", urls=site.url("/a.zip"))
    assert archives(raw)[0]["name"] == "a.zip"


def test_a_checksum_in_either_case_stands_beside_its_address(raw: Path, site: Site) -> None:
    content = make_zip()
    site.answers["/a.zip"] = site.answers["/b.zip"] = File(content)
    digest = hashlib.sha256(content).hexdigest().upper()
    run(raw, kind="http", urls=[site.url("/a.zip"), {"url": site.url("/b.zip"), "sha256": digest}])
    assert [archive["name"] for archive in archives(raw)] == ["a.zip", "b.zip"]
    with pytest.raises(UserError, match=r"/b\.zip: wrong checksum: its sha256 in source\.urls is 0{64}"):
        run(raw, kind="http", urls={"url": site.url("/b.zip"), "sha256": "0" * 64})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "local"}, r"source\.path"),
        ({"kind": "http"}, r"source\.urls"),
        ({"kind": "kaggle"}, r"source\.dataset, source\.competition"),
    ],
)
def test_a_kind_without_what_it_needs_is_refused(changes: dict[str, str], message: str, raw: Path) -> None:
    with pytest.raises(UserError, match=rf"params\.yaml: {message}"):
        run(raw, **changes)


@pytest.mark.parametrize("root", [True, False])
def test_a_download_on_its_way_lies_where_dvc_leaves_it_alone(
    root: bool, raw: Path, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path
    if root:  # an experiment in a checkout of its own: the project's root outlives it
        place = tmp_path / "project"
        monkeypatch.setenv("DVC_ROOT", str(place))
        (place / ".dvc").mkdir(parents=True)
    site.answers |= {"/a.zip": File(make_zip()), "/b.zip": lambda answerer: answerer.send(404)}
    with pytest.raises(UserError, match="404"):
        run(raw, kind="http", urls=[site.url("/a.zip"), site.url("/b.zip")])
    assert list((place / ".dvc" / "tmp" / "darkroom" / "fetch").glob("*/part"))
    assert not list(raw.iterdir())


def test_bytes_do_not_depend_on_folder_locale_time_zone_umask_or_hash_seed(
    raw: Path, tmp_path: Path, root: Path
) -> None:
    results = []
    for name, locale, zone, mask, seed in (
        ("one", "C", "UTC", 0o022, "1"),
        ("another folder", "C.UTF-8", "Asia/Tokyo", 0o077, "2"),
    ):
        place = tmp_path / name
        (place / "data" / "inbox" / "photos").mkdir(parents=True)
        (place / "data" / "inbox" / "photos" / "é.jpg").write_bytes(b"1")
        text = (root / "params.yaml").read_text()
        assert "kind: bundled " in text
        changed = text.replace("kind: bundled ", "kind: local ").replace("path: null ", "path: photos ", 1)
        (place / "params.yaml").write_text(changed)
        subprocess.run(
            [sys.executable, "-m", "stages.fetch"],
            cwd=place,
            env=os.environ | {"LC_ALL": locale, "TZ": zone, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            umask=mask,
            check=True,
        )
        results.append({path.name: path.read_bytes() for path in (place / "data" / "raw").iterdir()})
    assert results[0] == results[1]
    assert set(results[0]) == {"photos.zip", "source.json", files.SEAL}


def test_tensorflow_kaggle_and_requests_are_not_imported_for_bundled_images(raw: Path, root: Path) -> None:
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); import stages.fetch; "
        "from darkroom.fetch.stage import fetch; from darkroom.params import read_params; "
        "from darkroom.params import SourceParams; "
        "fetch(read_params(Path(sys.argv[1]) / 'params.yaml').source, Path('inbox'), Path('raw')); "
        "print([name for name in ('tensorflow', 'keras', 'kaggle', 'requests') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(root)], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
