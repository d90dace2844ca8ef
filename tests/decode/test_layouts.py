"""Each file's label and split are read as its source means them, in every layout that the recipes meet."""

import re

import pytest

from darkroom import UserError
from darkroom.decode.archives import Member
from darkroom.decode.layouts import label_members
from darkroom.decode.places import whole_file
from darkroom.decode.rejections import Reason
from darkroom.params import LabelsParams, read_params

DEFAULTS = {
    "kind": "folder",
    "depth": 1,
    "pattern": r"^(?P<label>[^.\d]+)[.\d]",
    "file": None,
    "path_column": "path",
    "label_column": "label",
    "split_column": None,
    "map": {},
    "skip": [],
}


@pytest.fixture
def read(tmp_path):
    """Return the function that labels ids (or tables, given as texts by id): a dict of (label, split), the refused."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()

    def read(ids, beside=None, **changes):
        for name, text in (beside or {}).items():
            (inbox / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        members = []
        for number, id in enumerate(ids):
            path = tmp_path / f"{number}"
            content = ids[id] if isinstance(ids, dict) else ""
            path.write_bytes((content or "").encode())
            members.append(Member(id, whole_file(path)))
        labelled, refused = label_members(members, LabelsParams(**DEFAULTS | changes), inbox)
        assert [item.member for item in labelled] == [
            m for m in members if m.id not in {r.id for r in refused}
        ]
        return {item.member.id: (item.label, item.split) for item in labelled}, refused

    return read


@pytest.mark.parametrize(
    ("id", "label", "split"),
    [
        ("training_set/training_set/cats/cat.1.jpg", "cats", "train"),
        ("test_set/test_set/dogs/dog.4001.jpg", "dogs", "test"),
        ("train/O/1.png", "O", "train"),
        ("validation/X/1.png", "X", "validation"),
        ("test/X/1.png", "X", "test"),
        ("Data/VALID/X/1.png", "X", "validation"),
        ("Training Set/X/1.png", "X", "train"),
        ("flower_photos/daisy/100080576_f52e8ee070_n.jpg", "daisy", ""),
        ("cell_images/Parasitized/C33P1thinF.png", "Parasitized", ""),
        ("PetImages/Cat/666.jpg", "Cat", ""),
        ("test1/1.jpg", "test1", ""),  # not a split
        ("test/1.jpg", None, "test"),  # a split is no class
        ("1.jpg", None, ""),
        ("cats.zip/1.jpg", "cats", ""),  # one archive of several
        ("train.zip/cats/1.jpg", "cats", "train"),
        ("train.tar.gz/val/cats/1.jpg", "cats", "validation"),  # the innermost says
    ],
)
def test_folder_labels(read, id, label, split):
    assert read([id]) == ({id: (label, split)}, [])


def test_folder_at_another_depth(read):
    ids = ["cats/batch1/1.jpg", "train/dogs/batch2/2.jpg", "batch3/3.jpg"]
    assert read(ids, depth=2)[0] == dict(zip(ids, [("cats", ""), ("dogs", "train"), (None, "")], strict=True))


@pytest.mark.parametrize(
    ("id", "label", "split"),
    [
        ("train/cat.0.jpg", "cat", "train"),
        ("train.zip/train/dog.12499.jpg", "dog", "train"),
        ("test1/1.jpg", None, ""),
        ("cat12.jpg", "cat", ""),
        ("README", None, ""),
    ],
)
def test_filename_labels(read, id, label, split):
    assert read([id], kind="filename") == ({id: (label, split)}, [])


def test_filename_pattern_whose_group_takes_no_part_leaves_the_file_unlabelled(read):
    assert read(["a.jpg"], kind="filename", pattern="(?P<label>z)?.jpg")[0] == {"a.jpg": (None, "")}


def test_labels_are_mapped_merged_and_skipped_as_read(read):
    ids = ["kitten/1.jpg", "cat/2.jpg", "dog/3.jpg", "junk/4.jpg"]
    labelled, refused = read(ids, map={"kitten": "feline", "cat": "feline"}, skip=["junk"])
    assert labelled == {"kitten/1.jpg": ("feline", ""), "cat/2.jpg": ("feline", ""), "dog/3.jpg": ("dog", "")}
    assert [(row.id, row.reason) for row in refused] == [("junk/4.jpg", Reason.SKIPPED_LABEL)]


def test_mapped_and_skipped_labels_that_occur_nowhere_are_told(read, capsys):
    read(["cat/1.jpg"], map={"cta": "feline"}, skip=["jnuk"])
    said = capsys.readouterr().err
    assert "labels.skip: no file has the label 'jnuk'" in said
    assert "labels.map: no file has the label 'cta'" in said


CSV = {"kind": "csv", "file": "labels.csv"}


@pytest.mark.parametrize(
    ("path", "id"),
    [
        ("images/1.jpg", "images/1.jpg"),
        ("images/1.jpg", "set/images/1.jpg"),
        ("elsewhere/1.jpg", "set/images/1.jpg"),
        ("1.jpg", "set/images/1.jpg"),
        ("./images\\\\1.jpg", "images/1.jpg"),
        ("1", "images/1.jpg"),
        ("cafe\u0301.jpg", "café.jpg"),
    ],
)
def test_row_means_a_file_by_path_end_or_name(read, path, id):
    table = f"path,label\n{path},cat\n"
    assert read([id, "other/2.jpg"], {"labels.csv": table}, **CSV)[0] == {
        id: ("cat", ""),
        "other/2.jpg": (None, ""),
    }


def test_whole_path_goes_before_the_end_of_another(read):
    labelled, _ = read(["1.jpg", "a/1.jpg"], {"labels.csv": "path,label\n1.jpg,cat\na/1.jpg,dog\n"}, **CSV)
    assert labelled == {"1.jpg": ("cat", ""), "a/1.jpg": ("dog", "")}


def test_table_inside_the_source_is_no_image(read):
    labelled, refused = read({"set/labels.csv": "path,label\n1.jpg,cat\n", "set/1.jpg": None}, **CSV)
    assert labelled == {"set/1.jpg": ("cat", "")}
    assert [(row.id, row.reason) for row in refused] == [("set/labels.csv", Reason.NOT_AN_IMAGE)]


@pytest.mark.parametrize(
    "table",
    [
        "path,label,part\n1.jpg,cat,Train\n2.jpg,NA,val\n3.jpg,,test\n4.jpg,0,\n",
        "\ufeffpath;label;part\r\n1.jpg;cat;training\r\n2.jpg;NA;valid\r\n3.jpg;;testing\r\n\r\n4.jpg;0;\r\n",
        'part\tx\tlabel\tpath\ntrain_set\t"a\tb"\tcat\t1.jpg\nvalidation\t\tNA\t2.jpg\ntest\t\t\t3.jpg\n\t\t0\t4.jpg\n',
    ],
)
def test_table_of_any_separator_with_splits(read, table):
    labelled, _ = read([f"{n}.jpg" for n in range(1, 5)], {"labels.csv": table}, **CSV, split_column="part")
    expected = [("cat", "train"), ("NA", "validation"), (None, "test"), ("0", "")]
    assert list(labelled.values()) == expected


def test_rows_that_name_no_file_are_told(read, capsys):
    table = "path,label\n1.jpg,cat\n8.jpg,cat\n9.jpg,dog\n"
    assert read(["1.jpg"], {"labels.csv": table}, **CSV)[0] == {"1.jpg": ("cat", "")}
    assert "2 of 3 rows name no file of the source: '8.jpg', '9.jpg'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("file,class\n1.jpg,cat\n", ["labels.path_column", "'path'", "file, class"]),
        ("", ["labels.path_column", "none"]),
        ("path,label\n9.jpg,cat\n", ["no row names a file", "'9.jpg'", "'a/1.jpg'"]),
        ("path,label\na/1.jpg,cat\na/1.jpg,dog\n", ["lines 2 and 3", "a/1.jpg", "'cat'", "'dog'"]),
        ("path,label\n1.jpg,cat\n", ["line 2", "'1.jpg'", "several"]),
        ("path,label\na/1.jpg\n", ["line 2", "1 columns", "2"]),
        ('path,label\na/1.jpg,\'"cat\n"x"y,z\n', ["line 3", "not a table"]),
        (b"path,label\n\xff,cat\n", ["UTF-8", "byte 11"]),
    ],
    ids=[
        "column",
        "empty",
        "no match",
        "contradiction",
        "ambiguous",
        "short row",
        "broken quotes",
        "encoding",
    ],
)
def test_table_that_is_wrong_is_told_in_one_message(read, table, words):
    with pytest.raises(UserError) as error:
        read(["a/1.jpg", "b/1.jpg"], {"labels.csv": table}, **CSV)
    assert [word for word in ["labels.csv", *words] if word not in str(error.value)] == []
    assert "\n" not in str(error.value)


def test_unknown_split_in_a_table_is_told(read):
    with pytest.raises(UserError, match=r"line 2: split 'dev'; allowed are train"):
        read(["1.jpg"], {"labels.csv": "path,label,part\n1.jpg,cat,dev\n"}, **CSV, split_column="part")


@pytest.mark.parametrize("name", ["nowhere.csv", "../outside.csv"])
def test_missing_table_is_told_with_the_tables_that_are_there(read, tmp_path, name):
    (tmp_path / "outside.csv").write_text("path,label\n")
    with pytest.raises(UserError) as error:
        read(["a/train.csv", "1.jpg"], kind="csv", file=name)
    assert [
        word for word in ["labels.file", name, "inbox", "a/train.csv"] if word not in str(error.value)
    ] == []


def test_table_that_is_there_twice_is_told(read):
    with pytest.raises(UserError, match="more than once"):
        read(["a/labels.csv", "b/labels.csv"], **CSV)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pattern": "'('"}, ["labels.pattern", "compile"]),
        ({"pattern": "'[a-z]+'"}, ["labels.pattern", "group named label"]),
        ({"depth": "0"}, ["labels.depth", "at least 1"]),
        ({"kind": "csv"}, ["labels", "labels.file"]),
        ({"skip": "[0]"}, ["labels.skip", "in quotes", "'0'"]),
        ({"map": "{cat: 1}"}, ["labels.map", "in quotes", "'1'"]),
    ],
)
def test_wrong_parameter_is_told(tmp_path, root, changes, words):
    text = (root / "params.yaml").read_text()
    labels = text.index("\nlabels:")
    section = text[labels:]
    for key, value in changes.items():
        section = re.sub(
            rf"^(  {key}:) .*$", lambda found, v=value: f"{found[1]} {v}", section, count=1, flags=re.M
        )
    (tmp_path / "params.yaml").write_text(text[:labels] + section)
    with pytest.raises(UserError) as error:
        read_params(tmp_path / "params.yaml")
    assert [word for word in ["params.yaml", *words] if word not in str(error.value)] == []


def test_large_table_of_like_names_is_matched_at_once(read):
    ids = [f"patient{number}/scan/image.png" for number in range(2000)]
    table = "path,label\n" + "".join(
        f"patient{number}/scan/image.png,{number % 2}\n" for number in range(2000)
    )
    labelled, _ = read([f"set/{id}" for id in ids], {"labels.csv": table}, **CSV)
    assert [label for label, _ in labelled.values()] == [str(number % 2) for number in range(2000)]
