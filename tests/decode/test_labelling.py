"""Each file's label and split are read as its source means them, in every layout that the recipes meet."""

import re
from typing import NamedTuple

import pytest

from darkroom import UserError
from darkroom.decode.archives import Member
from darkroom.decode.archives.extents import whole_file
from darkroom.decode.labels.labelling import label_members
from darkroom.decode.rejections import Reason, Rejection
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
    "split_folders": "auto",
    "encoding": "auto",
    "label_columns": None,
    "exclude": [],
    "min_images": 1,
    "corrections": None,
}


class Read(NamedTuple):
    """(label, split) by id, the files that were refused, the warnings."""

    labels: dict[str, tuple[str | None, str]]
    refused: list[Rejection]
    warnings: list[str]


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
        labelled, refused, warnings = label_members(members, LabelsParams(**DEFAULTS | changes), inbox)
        assert [member.id for member in labelled] == [
            m.id for m in members if m.id not in {r.id for r in refused}
        ]
        return Read({member.id: (member.label, member.split) for member in labelled}, refused, warnings)

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
    assert read([id])[:2] == ({id: (label, split)}, [])


def test_folder_at_another_depth(read):
    ids = ["train/cats/batch1/1.jpg", "train/dogs/batch2/2.jpg", "batch3/3.jpg"]
    expected = [("cats", "train"), ("dogs", "train"), (None, "")]
    assert read(ids, depth=2)[0] == dict(zip(ids, expected, strict=True))


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
    assert read([id], kind="filename")[:2] == ({id: (label, split)}, [])


def test_filename_pattern_whose_group_takes_no_part_leaves_the_file_unlabelled(read):
    assert read(["a.jpg"], kind="filename", pattern="(?P<label>z)?.jpg")[0] == {"a.jpg": (None, "")}


def test_labels_are_mapped_merged_and_skipped_as_read(read):
    ids = ["kitten/1.jpg", "cat/2.jpg", "dog/3.jpg", "junk/4.jpg"]
    labelled, refused, _ = read(ids, map={"kitten": "feline", "cat": "feline"}, skip=["junk"])
    assert labelled == {"kitten/1.jpg": ("feline", ""), "cat/2.jpg": ("feline", ""), "dog/3.jpg": ("dog", "")}
    assert [(row.id, row.reason) for row in refused] == [("junk/4.jpg", Reason.SKIPPED_LABEL)]


def test_mapped_and_skipped_labels_that_occur_nowhere_are_told(read):
    assert read(["cat/1.jpg"], map={"cta": "feline"}, skip=["xyz"]).warnings == [
        "params.yaml: labels.skip: no file has the label 'xyz'",
        "params.yaml: labels.map: no file has the label 'cta'; did you mean 'cat'?",
    ]


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
    labelled = read(["1.jpg", "a/1.jpg"], {"labels.csv": "path,label\n1.jpg,cat\na/1.jpg,dog\n"}, **CSV)
    assert labelled.labels == {"1.jpg": ("cat", ""), "a/1.jpg": ("dog", "")}


def test_table_inside_the_source_is_no_image(read):
    labelled, refused, _ = read({"set/labels.csv": "path,label\n1.jpg,cat\n", "set/1.jpg": None}, **CSV)
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
    labelled = read([f"{n}.jpg" for n in range(1, 5)], {"labels.csv": table}, **CSV, split_column="part")
    expected = [("cat", "train"), ("NA", "validation"), (None, "test"), ("0", "")]
    assert list(labelled.labels.values()) == expected


def test_rows_that_name_no_file_are_told(read):
    table = "path,label\n1.jpg,cat\n8.jpg,cat\n9.jpg,dog\n"
    found = read(["1.jpg"], {"labels.csv": table}, **CSV)
    assert found.labels == {"1.jpg": ("cat", "")}
    assert [w.partition(": ")[2] for w in found.warnings] == [
        "2 of 3 rows name no file of the source: '8.jpg', '9.jpg'"
    ]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("file,class\n1.jpg,cat\n", ["labels.path_column", "'path'", "file, class"]),
        ("", ["labels.path_column", "none"]),
        ("path,label\n9.jpg,cat\n", ["no row names a file", "'9.jpg'", "'a/1.jpg'"]),
        ("path,label\na/1.jpg,cat\na/1.jpg,dog\n", ["lines 2 and 3", "a/1.jpg", "'cat'", "'dog'"]),
        ("path,label\n1.jpg,cat\n", ["line 2", "'1.jpg'", "several"]),
        ("path,label\na/1.jpg\n", ["line 2", "1 columns", "2"]),
        ("path,label\na/1.jpg,red, dark\n", ["line 2", "3 columns", "the first line has 2", "quotes"]),
        ("path,label,label\na/1.jpg,cat,dog\n", ["2 columns are called 'label'", "labels.label_column"]),
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
        "long row",
        "column twice",
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
        ({"depth": "[1, 2]"}, ["labels.depth", "the outermost first"]),
        ({"depth": "[]"}, ["labels.depth", "at least 1"]),
        ({"encoding": "shift-jsi"}, ["labels.encoding", "auto"]),
        ({"encoding": "hex"}, ["labels.encoding", "encoding of text"]),
        ({"label_columns": "[MEL]"}, ["labels.label_columns", "at least 2"]),
        ({"split_folders": "no"}, ["labels.split_folders", "never"]),
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
    labelled = read([f"set/{id}" for id in ids], {"labels.csv": table}, **CSV)
    assert [label for label, _ in labelled.labels.values()] == [str(number % 2) for number in range(2000)]


def laid_out(read, *folders, **changes):
    """Return the label and split of three pictures in each of some folders, by folder, and the warnings."""
    found = read([f"{folder}/{n}.jpg" for folder in folders for n in range(3)], **changes)
    assert found.refused == []
    said = {id.rpartition("/")[0]: answer for id, answer in found.labels.items()}
    assert set(said) == set(folders)
    return said, found.warnings


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        ({"bus": ("bus", ""), "car": ("car", ""), "train": ("train", ""), "truck": ("truck", "")}, ["folder train is"]),
        (
            {
                "seg_train/seg_train/forest": ("forest", "train"),
                "seg_train/seg_train/sea": ("sea", "train"),
                "seg_test/seg_test/forest": ("forest", "test"),
                "seg_test/seg_test/sea": ("sea", "test"),
                "seg_pred/seg_pred": (None, ""),
            },
            ["files of seg_pred are taken as unlabelled"],
        ),
        ({"train_images/a": ("a", "train"), "test_images/a": ("a", "test")}, []),
        ({"train2017/a": ("a", "train"), "val2017/a": ("a", "validation")}, []),
        ({"TrainData/a": ("a", "train"), "TestData/a": ("a", "test")}, []),
        ({"train/cats": ("cats", "train"), "train/dogs": ("dogs", "train"), "test1": (None, "test")}, []),
        ({"train/cats": ("cats", "train"), "valid/cats": ("cats", "validation"), "test": (None, "test")}, []),
        ({"set/train/cats": ("cats", "train"), "set/unlabelled": (None, "")}, ["files of set/unlabelled are"]),
        # A class of this name in one of the splits alone.
        (
            {"train/bus": ("bus", "train"), "train/train": ("train", "train"), "test/train": ("train", "test")},
            ["folder train in test is taken as a class"],
        ),
        ({"express_train": ("express_train", ""), "test_tube": ("test_tube", "")}, []),
        ({"my_test_photos/cats": ("cats", ""), "my_test_photos/dogs": ("dogs", "")}, []),
        (
            {"train/steam": ("steam", ""), "bus": ("bus", ""), "car": ("car", "")},
            ["folder train is taken as any folder"],
        ),
        (
            {"train": (None, "train"), "test": (None, "test"), "cats": ("cats", "")},
            ["folders test, train are taken as predefined splits"],
        ),
        ({"train/cats": ("cats", ""), "more/dogs": ("dogs", "")}, ["folder train is taken as any folder"]),
        ({"train/cats": ("cats", "train"), "test/dogs": ("dogs", "test"), "more/dogs": ("dogs", "")}, ["dogs of"]),
    ],
)  # fmt: skip
def test_a_folder_is_a_split_where_the_layout_as_a_whole_says_so(read, expected, words):
    said, warnings = laid_out(read, *expected)
    assert said == expected
    assert len(warnings) == len(words)
    assert [word for word, warning in zip(words, warnings, strict=True) if word not in warning] == []


def test_splits_inside_class_folders(read):
    expected = {
        "cats/train": ("cats", "train"),
        "cats/test": ("cats", "test"),
        "dogs/train": ("dogs", "train"),
    }
    assert laid_out(read, *expected, depth=2) == (expected, [])


def test_tables_and_notes_beside_pictures_do_not_change_the_layout(read):
    ids = ["train/cats/1.jpg", "train/dogs/1.jpg", "annotations/a.json", "docs/b.txt", "train/labels.csv"]
    found = read(ids)
    assert list(found.labels.values())[:2] == [("cats", "train"), ("dogs", "train")]
    assert found.warnings == []


def test_one_parameter_says_what_folders_of_splits_are(read):
    folders = ["bus", "train", "express_train"]
    never = {name: (name, "") for name in folders}
    assert laid_out(read, *folders, split_folders="never") == (never, [])
    always = {"bus": ("bus", ""), "train": (None, "train"), "express_train": (None, "train")}
    assert laid_out(read, *folders, split_folders="always")[0] == always
    assert laid_out(read, "train/a", "test/a", split_folders="never")[0] == {
        "train/a": ("a", ""),
        "test/a": ("a", ""),
    }


def test_splits_of_files_named_by_class_are_folders_of_labelled_files(read):
    ids = ["train/cat.0.jpg", "train/dog.0.jpg", "test1/1.jpg", "test1/2.jpg"]
    found = read(ids, kind="filename")
    assert found.warnings == []
    assert list(found.labels.values()) == [("cat", "train"), ("dog", "train"), (None, ""), (None, "")]
    ids = ["bus/red.0.jpg", "car/blue.0.jpg", "train/red.1.jpg"]
    found = read(ids, kind="filename")
    assert {split for _, split in found.labels.values()} == {""}
    assert len(found.warnings) == 1


def test_folders_of_one_name_in_several_places_are_told_and_can_be_kept_apart(read):
    said, warnings = laid_out(read, "animals/x", "plants/x", "animals/y")
    assert {label for label, _ in said.values()} == {"x", "y"}
    assert len(warnings) == 1
    assert "x of animals/x, plants/x; if they are different things, labels.depth: [2, 1]" in warnings[0]
    apart = {"animals/x": ("animals/x", ""), "plants/x": ("plants/x", ""), "animals/y": ("animals/y", "")}
    assert laid_out(read, *apart, depth=[2, 1]) == (apart, [])


def test_the_same_class_in_several_splits_is_no_merger(read):
    assert laid_out(read, "train/train/x", "test/test/x", "val/x")[1] == []


def test_files_are_left_out_by_pattern(read):
    ids = [f"benign/benign ({n}){end}.png" for n in range(4) for end in ("", "_mask")]
    found = read(ids)
    assert len(found.warnings) == 1
    assert "4 files are called like another and _mask" in found.warnings[0]
    remedy = re.search(r"labels\.exclude: \['(.*)'\]", found.warnings[0])
    assert remedy is not None
    found = read(ids, exclude=[remedy[1], "*.tif"])
    assert [(row.id, row.reason) for row in found.refused] == [(id, Reason.EXCLUDED) for id in ids[1::2]]
    assert found.warnings == ["params.yaml: labels.exclude: no file matches '*.tif'"]


def test_numbered_masks_and_masks_of_one_class_alone_are_told(read):
    ids = [f"a/{n}{end}.png" for n in range(4) for end in ("", "_mask", "_mask_1")]
    assert "'*_mask*'" in read([*ids, "b/1.png", "b/2.png"]).warnings[0]


def test_pictures_numbered_under_one_name_are_no_twins(read):
    assert read([f"a/cell{end}.png" for end in ("", "_1", "_2", "_3", "_old")]).warnings == []


def test_excluding_does_not_take_away_the_table(read):
    content = {"labels.csv": "path,label\n1.jpg,cat\n", "1.jpg": None, "2.csv": None}
    found = read(content, **CSV, exclude=["*.csv"])
    assert found.labels == {"1.jpg": ("cat", "")}
    assert [row.reason for row in found.refused] == [Reason.EXCLUDED, Reason.NOT_AN_IMAGE]


@pytest.mark.parametrize(("encoding", "asked"), [
    ("utf-8", "auto"), ("utf-8-sig", "auto"), ("utf-16", "auto"), ("utf-32", "auto"), ("utf-16-be", "utf-16-be"),
    ("cp932", "cp932"), ("euc_jp", "euc_jp"), ("utf-8-sig", "utf-8"),
])  # fmt: skip
def test_tables_of_other_encodings(read, encoding, asked):
    table = "path,label\n1.jpg,犬\n2.jpg,猫\n".encode(encoding)
    found = read(["1.jpg", "2.jpg"], {"labels.csv": table}, **CSV, encoding=asked)
    assert found.labels == {"1.jpg": ("犬", ""), "2.jpg": ("猫", "")}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("猫が好き", "cp932"),
        ("고양이", "cp949"),
        ("小狗在跑", "gbk"),
        ("érable", "cp1252"),
        ("cat", "utf-16-le"),
    ],
)
def test_a_table_of_another_encoding_shows_how_it_would_read(read, text, encoding):
    with pytest.raises(UserError) as error:
        read(["1.jpg"], {"labels.csv": f"path,label\n1.jpg,{text}\n".encode(encoding)}, **CSV)
    line = f"1.jpg,{text}" if not text.isascii() else "path,label"
    assert "labels.encoding" in str(error.value)
    assert f"{line!r} as {encoding}" in str(error.value)


def test_a_wrong_encoding_is_told(read):
    with pytest.raises(UserError, match=r"not cp949, which labels\.encoding in params\.yaml says, at byte"):
        read(["1.jpg"], {"labels.csv": b"path,label\n1.jpg,\xff\xff\n"}, **CSV, encoding="cp949")


def test_rows_mean_files_where_only_case_differs(read):
    table = "path,label\nimages/0.jpg,cat\n1.jpg,dog\n2,cat\n"
    found = read(["IMAGES/0.JPG", "images/1.jpg", "x/2.jpg"], {"labels.csv": table}, **CSV)
    assert [label for label, _ in found.labels.values()] == ["cat", "dog", "cat"]
    assert [w.partition(": ")[2] for w in found.warnings] == [
        "1 of 3 rows name a file that is written with other small and capital letters: 'images/0.jpg'"
    ]


def test_a_row_that_means_two_files_but_for_case_is_told(read):
    with pytest.raises(UserError, match=r"line 2: 'a\.jpg' means several files"):
        read(["A.jpg", "a.JPG"], {"labels.csv": "path,label\na.jpg,cat\n"}, **CSV)


ONE_HOT = "image,MEL,NV,BCC\nISIC_1,1.0,0.0,0\nISIC_2,0,1,\nISIC_3,0.0,0.0,1.0\n"
ISIC = {**CSV, "path_column": "image"}


def test_one_column_a_class(read):
    ids = [f"ISIC_{n}.jpg" for n in (1, 2, 3)]
    found = read(ids, {"labels.csv": ONE_HOT}, **ISIC, label_columns=["MEL", "NV", "BCC"])
    assert [label for label, _ in found.labels.values()] == ["MEL", "NV", "BCC"]
    assert found.warnings == []
    read_as_one = read(ids, {"labels.csv": ONE_HOT}, **ISIC, label_column="MEL")
    assert "labels.label_columns: [MEL, NV, BCC]" in read_as_one.warnings[0]


def test_a_row_of_no_class_is_told_and_of_several_ends_the_stage(read):
    ids = [f"ISIC_{n}.jpg" for n in (1, 2, 3)]
    columns = {"label_columns": ["MEL", "NV", "BCC"]}
    found = read(ids, {"labels.csv": ONE_HOT.replace("0.0,0.0,1.0", "0,0,0")}, **ISIC, **columns)
    assert found.labels["ISIC_3.jpg"] == (None, "")
    assert "1 of 3 rows have 1 in none of labels.label_columns" in found.warnings[0]
    assert "line 4 (ISIC_3)" in found.warnings[0]
    with pytest.raises(UserError, match=r"1 of 3 rows .* more than one .*line 3 \(ISIC_2\): MEL, NV"):
        read(ids, {"labels.csv": ONE_HOT.replace("ISIC_2,0", "ISIC_2,1")}, **ISIC, **columns)
    with pytest.raises(UserError, match=r"line 3: '0\.7' in column NV"):
        read(ids, {"labels.csv": ONE_HOT.replace("0,1,", "0,0.7,")}, **ISIC, **columns)
    with pytest.raises(UserError, match=r"no column 'mel', .*did you mean 'MEL'\?"):
        read(ids, {"labels.csv": ONE_HOT}, **ISIC, label_columns=["mel", "NV"])


def table_of(labels):
    return {"labels.csv": "path;label\n" + "".join(f'{n}.jpg;"{label}"\n' for n, label in enumerate(labels))}


@pytest.mark.parametrize("sign", ";|,/+")
def test_several_labels_in_one_are_told(read, sign):
    labels = ["cat", "dog", f"cat{sign}dog", "cat"]
    found = read([f"{n}.jpg" for n in range(4)], table_of(labels), **CSV)
    assert [label for label, _ in found.labels.values()] == labels
    assert len(found.warnings) == 1
    assert "multi-label" in found.warnings[0]
    assert f"cat{sign}dog" in found.warnings[0]


def test_a_sign_in_a_name_is_no_list(read):
    assert read(["0.jpg", "1.jpg"], table_of(["and/or", "cat"]), **CSV).warnings == []


def test_numbers_to_predict_end_the_stage(read):
    ids = [f"{n}.jpg" for n in range(20)]
    with pytest.raises(
        UserError, match=r"labels are numbers, 20 different ones for 20 images: 20\.00, .*regression"
    ):
        read(ids, table_of([f"{20 + n * 1.37:.2f}" for n in range(20)]), **CSV)
    few = read(ids, table_of([f"{1 + n % 4 / 2}" for n in range(20)]), **CSV)
    assert len(few.warnings) == 1
    assert "amounts" in few.warnings[0]
    assert read(ids, table_of([str(n % 10) for n in range(20)]), **CSV).warnings == []


def test_classes_written_almost_alike_are_told(read):
    found = laid_out(read, "Cat", "cat", "hot_dog", "hot dog")[1]
    assert len(found) == 1
    assert "Cat (3) and cat (3), hot dog (3) and hot_dog (3)" in found[0]


def test_a_mistyped_table_is_told_with_the_nearest(read):
    with pytest.raises(UserError, match=r"did you mean 'a/train\.csv'\?"):
        read(["a/train.csv", "1.jpg"], kind="csv", file="a/trian.csv")
    with pytest.raises(UserError, match=r"found path, Label; did you mean 'Label'\?"):
        read(["1.jpg"], {"labels.csv": "path,Label\n1.jpg,a\n"}, **CSV)
