"""Names without a word about their encoding are read right where that can be told, and where not, that is said."""

import pytest

from darkroom.decode.archives import name_encodings

WORDS = {
    "cp932": ["猫", "犬", "写真", "りんご", "トマト", "良品", "不良品", "ネコ", "うさぎ", "表"],
    "cp949": ["고양이", "개", "강아지", "사과", "자동차", "정상", "불량", "코끼리"],
    "gbk": ["正常", "缺陷", "照片", "兔子", "香蕉", "学校", "向日葵", "郁金香"],
    "big5": ["蘋果", "汽車", "正常", "缺陷", "照片", "玫瑰", "向日葵", "鬱金香"],
    "cp1252": ["été", "forêt", "müller", "größe", "straße", "niño", "canción", "pão", "œuf", "français"],
    "cp850": ["été", "forêt", "müller", "größe", "straße", "niño", "canción", "pão", "français"],
    "cp437": ["été", "forêt", "müller", "niño", "canción", "français"],
    "cp866": ["кошка", "собака", "цветок", "норма", "брак", "фото"],
    "cp1251": ["кошка", "собака", "цветок", "норма", "брак", "фото"],
}
CASES = [(encoding, word) for encoding, words in WORDS.items() for word in words]


@pytest.mark.parametrize(("encoding", "word"), CASES)
def test_one_folder_is_read_right(encoding: str, word: str) -> None:
    raw = word.encode(encoding)
    reading = name_encodings.read([raw + b"/1.jpg", raw + b"/2.jpg"], "auto")
    assert raw.decode(reading.encoding) == word


@pytest.mark.parametrize("word", ["猫", "狗", "牛", "花", "火车"])
def test_what_could_be_korean_as_well_as_chinese_is_called_a_guess(word: str) -> None:
    assert not name_encodings.read([word.encode("gbk") + b"/1.jpg"], "auto").sure


@pytest.mark.parametrize("encoding", WORDS)
def test_a_reading_that_is_sure_is_right(encoding: str) -> None:
    raw = [word.encode(encoding) for word in WORDS[encoding]]
    reading = name_encodings.read(raw, "auto")
    assert [name.decode(reading.encoding) for name in raw] == WORDS[encoding]


def test_many_files_of_one_folder_are_no_more_evidence_than_one() -> None:
    raw = "고양이".encode("cp949")
    one = name_encodings.read([raw + b"/1.jpg"], "auto")
    assert one == name_encodings.read([raw + b"/%d.jpg" % number for number in range(100)], "auto")


def test_bytes_that_are_no_text_still_have_a_reading() -> None:
    assert name_encodings.read([b"\x81\xff\xfe\x80"], "auto").encoding
    assert name_encodings.read([b"\x81"], "gbk") == name_encodings.Reading("gbk", True)
