"""Common mistakes in YAML are reported with place and correction."""

import re

import pytest

from papertune.errors import SettingsError
from papertune.study.yaml_text import read

TEXT = "title: Mine\nsource:\n  kind: files\n  path: papers.csv\nseeds: [1, 2]\n"


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        (TEXT.replace("  path", "\tpath"), "4:1", "a tab"),
        (f"{TEXT}fetching:\tdelay\n", "6:10", "a tab"),
        (f"{TEXT}title: Again\n", "6:1", "line 1"),
        (TEXT.replace("kind: files", "kind: files\n  kind: pdfs"), "4:3", "line 3"),
        (TEXT.replace("Mine", "Mine: a study"), "1:12", "quotes"),
        (TEXT.replace("Mine", "*mine"), "1:8", "quotes"),
        (TEXT.replace("Mine", "@mine"), "1:8", "quotes"),
        (TEXT.replace("Mine", "%mine"), "1:8", "quotes"),
        (TEXT.replace("Mine", "`mine`"), "1:8", "quotes"),
        (TEXT.replace("Mine", "&"), "1:9", "quotes"),
        (TEXT.replace("Mine", "!mine x"), "1:8", "quotes"),
        (TEXT.replace("Mine", '"Mine'), "1:8", "never closed"),
        (TEXT.replace("2]", "2"), "5:8", "]"),
        (TEXT.replace("  path", "   path"), "4:8", "like its neighbours"),
        (TEXT.replace("  path", " path"), "4:2", "one column"),
        (TEXT.replace("title: ", "title"), "2:7", "line above"),
        (TEXT.replace("title: ", "title:"), "2:7", "a blank after the key"),
        (TEXT.replace("Mine", "'My' study"), "1:13", "all of it"),
        (TEXT.replace("[1, 2]", "[1, 2] 3"), "5:15", "all of it"),
        (TEXT.replace("papers.csv", r'"C:\Users\ann.csv"'), "4:14", "single quotes"),
        (TEXT.replace("papers.csv", r'"C:\papers.csv"'), "4:13", "single quotes"),
        (TEXT.replace("seeds:", "seeds") + "title: My", "5:1", "`key: value`"),
        (TEXT.replace("  path", "\u00a0\u00a0path"), "4:1", "special blank"),
        (TEXT.replace("  ", "  \u3000"), "3:3", "special blank"),
        (f"{TEXT}---\n{TEXT}", "6:1", "---"),
        (f"{TEXT}years: 012\n", "6:8", "as 10"),
        (f"{TEXT}delay: 1:30\n", "6:8", "as 90"),
    ],
)
def test_a_slip_is_named_with_line_and_column(tmp_path, text, place, told):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError) as error:
        read(path)
    assert error.value.where == f"{path}:{place}", str(error.value)
    assert told in str(error.value) and error.value.hint


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_editors_make_is_read(tmp_path, encoding, end):
    path = tmp_path / "mine.yaml"
    path.write_bytes(TEXT.replace("Mine", "Für wen").replace("\n", end).encode(encoding))
    assert read(path).values["title"] == "Für wen"
    assert read(path).values["source"] == {"kind": "files", "path": "papers.csv"}


def test_other_encodings_are_named_with_the_line(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(f"{TEXT}question: Für wen\n".encode("cp1252"))
    with pytest.raises(SettingsError, match=re.escape(f"{path}:6: ")):
        read(path)


def test_a_key_has_its_place_and_one_that_is_not_there_that_of_what_it_belongs_to(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT)
    written = read(path)
    assert written.place(["source", "path"]) == f"{path}:4:3"
    assert written.place(["seeds", "1"]) == f"{path}:5:12"
    assert written.place(["source", "columns", "title"]) == f"{path}:2:1"
    assert written.place(["models"]) == str(path)
