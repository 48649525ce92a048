"""``make new``: what it finds in documents, what it proposes, and the file that it writes."""

import json
import re
import sys
from pathlib import Path

import pytest
import yaml

import pdfs
from loopback import serving
from papertune.errors import PapertuneError
from papertune.starter import choices, looking
from papertune.starter.__main__ import main
from papertune.starter.file import LARGEST, text_of, without_defaults
from papertune.starter.looking import look, told
from papertune.starter.sources import found_here, source_of
from papertune.starter.years import Choice, proposed, read, sizes, splits_of
from papertune.study.experiment_file import load_experiment
from papertune.study.settings import Fetching
from pdfs import Text
from snakemake_run import ROOT
from terminals import on_terminal

HUB = f"owner/small-instruct@{'a' * 40}"
ABSTRACT = (
    "We measure how paper number {n} of {year} differs from the others in what it says about caches "
    "of size {n}, and find that it does so by {n} per cent in all {year} cases that were looked at."
)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder, on a machine without a cluster, a GPU or packages of weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PAPERTUNE_CONTACT", "tests@papertune.example")
    monkeypatch.setattr(choices, "place_proposed", lambda: "here")
    monkeypatch.setattr(choices, "packaged", lambda base: False)
    return tmp_path


def table(years: dict[int | None, int], name: str = "papers.csv", **names: str) -> str:
    """A file with so many papers of each year, under these names of columns; None: without a year."""
    rows = [
        {
            "title": f"On caches, part {n} of {year}",
            "paper_url": f"https://v.example/{year}/{n}",
            "abstract": ABSTRACT.format(n=n, year=year),
            "year": year or "",
        }
        for year, count in years.items()
        for n in range(count)
    ]
    rows = [{names.get(key, key): value for key, value in row.items()} for row in rows]
    if name.endswith(".jsonl"):
        text = "\n".join(map(json.dumps, rows))
    else:
        lines = [",".join(f'"{value}"' for value in row.values()) for row in rows]
        text = "\n".join([",".join(rows[0]), *lines])
    Path(name).write_text(text)
    return name


def looked(name: str):
    source = source_of(name)
    return source, look(source, 2024, Path("store"))


@pytest.mark.parametrize(
    ("years", "choice"),
    [
        # the newest that hold a fifth, and of many years two
        (dict.fromkeys(range(2019, 2025), 5), Choice((2019, 2022), (2023, 2024))),
        ({2020: 5, 2021: 5, 2022: 5, 2023: 30}, Choice((2020, 2022), (2023, 2023))),
        (dict.fromkeys(range(2010, 2024), 5) | {2024: 50}, Choice((2010, 2022), (2023, 2024))),
        # a few papers apart from the others, or without a year, do not keep years from deciding
        ({1998: 1, 2020: 9, 2021: 9, 2022: 9}, Choice((2020, 2021), (2022, 2022))),
        ({None: 1, 2021: 9, 2022: 9}, Choice((2021, 2021), (2022, 2022))),
        # years that are missing, one year alone, none: a share, larger where there are few papers
        ({2018: 40, 2020: 40}, Choice(None, 0.2)),
        ({2018: 60}, Choice(None, 0.2)),
        ({None: 60}, Choice(None, 0.2)),
        ({None: 9}, Choice(None, 0.3)),
    ],
)
def test_years_decide_where_there_are_enough_one_after_the_other(here, years, choice):
    for name in ("papers.csv", "papers.jsonl"):
        source, found = looked(table(years, name))
        assert proposed(source, found) == choice
        splits = splits_of(choice, found, {})
        count = sizes(found.documents, splits)
        assert count["train"] and count["validation"] and count["test"]


def test_the_share_that_validates_grows_until_some_documents_do(here):
    shares = set()
    for each in (3, 4, 5, 40):
        _, found = looked(table(dict.fromkeys(range(2019, 2025), each)))
        splits = splits_of(Choice((2019, 2022), (2023, 2024)), found, {})
        assert sizes(found.documents, splits)["validation"] >= 3 or splits["validation"] == 0.3
        shares.add(splits["validation"])
    assert splits["validation"] == 0.1 and len(shares) > 1


def test_a_side_is_sampled_only_where_it_has_more_documents(here):
    _, found = looked(table(dict.fromkeys(range(2019, 2025), 50)))
    years = Choice((2019, 2022), (2023, 2024))
    assert splits_of(years, found, {"train": 80, "test": 200})["sample"] == {"train": 20}
    assert splits_of(Choice(None, 0.2), found, {"train": 80})["sample"] == {"train": 80}
    assert "sample" not in splits_of(years, found, {"train": 200})


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("2015-2021 2022-2023", Choice((2015, 2021), (2022, 2023))),
        ("2015–2021, 2022", Choice((2015, 2021), (2022, 2022))),
        ("2023", Choice((2010, 2022), (2023, 2023))),  # those before train, as proposed
        ("0.3", Choice(None, 0.3)),
        ("30%", Choice(None, 0.3)),
    ],
)
def test_years_are_read_as_people_write_them(text, choice):
    assert read(text, Choice((2010, 2020), (2021, 2022))) == choice
    assert read(str(choice)) == choice


@pytest.mark.parametrize("text", ["", "all", "1.5", "2020-2021 2022 2023", "2010", "-3%", "nan"])
def test_other_words_for_years_are_refused(text):
    with pytest.raises(PapertuneError):
        read(text, Choice((2010, 2020), (2021, 2022)))


@pytest.mark.parametrize("text", ["2018-2020 2021", "2019-2020 2020-2021", "2021-2019 2022"])
def test_years_without_documents_or_on_both_sides_are_refused(here, text):
    _, found = looked(table(dict.fromkeys(range(2019, 2025), 5)))
    with pytest.raises(PapertuneError) as told:
        splits_of(read(text), found, {})
    assert told.value.where and told.value.hint


def test_columns_are_those_that_a_run_takes_and_odd_ones_are_asked_for(here):
    table({2020: 5, 2021: 5}, "zotero.csv", title="Title", year="Publication Year", paper_url="Url",
          abstract="Abstract Note")  # fmt: skip
    _, found = looked("zotero.csv")
    assert found.columns == {"title": "Title", "year": "Publication Year", "paper_url": "Url",
                             "abstract": "Abstract Note"}  # fmt: skip
    table({2020: 5, 2021: 5}, "odd.csv", title="Name", abstract="What it says")
    with pytest.raises(PapertuneError) as told:
        main(["--from", "odd.csv"])
    assert "COLUMNS=" in told.value.hint
    main(["--from", "odd.csv", "--columns", "title=Name,abstract=What it says"])
    study = load_experiment("config/experiments/odd.yaml")
    assert study.source.columns.title == "Name" and study.source.columns.abstract == "What it says"


def test_what_was_found_is_told_with_what_is_rejected(here, capsys):
    table({2020: 5, 2021: 4})
    with open("papers.csv", "a") as stream:
        stream.write(
            '\n"","https://v.example/x","A text","2021"\n"Without","https://v.example/y","",2021'
        )
    said = "\n".join(told(looked("papers.csv")[1], "papers.csv"))
    assert "10 documents of 2020–2021" in said and "2020 5, 2021 5" in said
    assert "1 without an abstract" in said
    assert re.search(r"rejected: 1 .*papers\.csv:11: no title", said)


def test_files_that_give_no_documents_are_told_as_such(here):
    Path("empty.csv").touch()
    Path("header.csv").write_text("title,paper_url,year,abstract\n")
    Path("nothing").mkdir()
    for name in ("empty.csv", "header.csv", "nothing", "none.csv", "data/{year}.csv"):
        with pytest.raises(PapertuneError) as told:
            main(["--from", name])
        assert told.value.hint and told.value.where
    assert not Path("config").exists()


def test_a_file_for_each_year_is_read_by_its_name(here):
    for year in (2020, 2021, 2022):
        table({year: 6}, f"p{year}.csv")
    source, found = looked("p{year}.csv")
    assert found.counts == {2020: 6, 2021: 6, 2022: 6}
    assert proposed(source, found) == Choice((2020, 2021), (2022, 2022))


def test_bibtex_is_split_by_year_or_not_at_all(here):
    entry = "@article{{k{n}, title={{On caches {n}}}, year={{{year}}}, doi={{10.1145/{n}}}}}\n"
    years = [2020, 2021, 2021, 2022]
    Path("mine.bib").write_text("".join(entry.format(n=n, year=y) for n, y in enumerate(years)))
    source, found = looked("mine.bib")
    assert source.paths == ["mine.bib"] and found.counts == {2020: 1, 2021: 2, 2022: 1}
    assert proposed(source, found) == Choice((2020, 2021), (2022, 2022))
    Path("one.bib").write_text(entry.format(n=1, year=2020))
    with pytest.raises(PapertuneError, match="two consecutive years"):
        proposed(*looked("one.bib"))


def test_pdfs_are_split_by_the_folders_of_their_years_else_by_a_share(here):
    for folder in ("flat", "years/2021", "years/2022", "years/2023"):
        Path(folder).mkdir(parents=True)
        for n in range(2):
            text = [f"On caches, part {n}", "Abstract", ABSTRACT.format(n=n, year=folder[-1])]
            lines = [Text(72, 700 - 40 * at, 12, "roman", line) for at, line in enumerate(text)]
            pdfs.write(Path(folder, f"{n}.pdf"), [lines])
    source, found = looked("flat")
    assert source.path == "flat" and found.number == 2 and not found.years
    assert proposed(source, found).train is None
    source, found = looked("years")
    assert source.path == "years/{year}" and found.number == 6
    assert proposed(source, found) == Choice((2021, 2022), (2023, 2023))
    for name in ("flat", "years"):
        main(["--from", name])
        load_experiment(f"config/experiments/{name}.yaml")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("dblp:conf/isca", {"kind": "dblp_sparql", "streams": ["conf/isca"]}),
        ("dblp conf/isca", {"kind": "dblp_sparql", "streams": ["conf/isca"]}),
        ("https://dblp.org/db/conf/isca/", {"kind": "dblp_sparql", "streams": ["conf/isca"]}),
        ("https://dblp.org/db/conf/isca/isca2023.html",
         {"kind": "dblp", "url": "https://dblp.org/db/conf/isca/isca{year}.html"}),
        ("https://aclanthology.org/events/acl-2023/",
         {"kind": "acl", "url": "https://aclanthology.org/events/acl-{year}/"}),
        ("arxiv:cs.CL", {"kind": "arxiv", "category": "cs.CL"}),
        ("openalex:S1983995261", {"kind": "openalex", "source": "S1983995261"}),
        ("crossref:0163-5964", {"kind": "crossref", "issn": "0163-5964"}),
        ("semantic_scholar:ISCA", {"kind": "semantic_scholar", "venue": "ISCA"}),
        ("pmlr:2022=178,2023=195", {"kind": "pmlr", "volumes": {2022: [178], 2023: [195]}}),
        ("wikipedia:Category:Semiconductors",
         {"kind": "wikipedia", "categories": ["Category:Semiconductors"]}),
        ("https://de.wikipedia.org/wiki/Halbleiter",
         {"kind": "wikipedia", "language": "de", "titles": ["Halbleiter"]}),
        ("demo", {"kind": "demo"}),
    ],
)  # fmt: skip
def test_a_venue_is_named_in_a_word_or_by_its_page(text, values):
    assert source_of(text).model_dump(exclude_unset=True) == values


@pytest.mark.parametrize(
    "text",
    ["https://other.example/papers", "https://proceedings.mlr.press/v195/", "arxiv:no such",
     "openreview:ICLR", "dblp:isca", "pmlr:195", "notes.doc"],
)  # fmt: skip
def test_what_is_no_source_is_answered_with_what_can_be_one(here, text):
    Path("notes.doc").touch()
    with pytest.raises(PapertuneError) as told:
        source_of(text)
    assert told.value.where and told.value.hint


def test_a_venue_is_asked_for_one_page(here, monkeypatch):
    entry = (
        '<li class="entry article" id="conf/x/{n}"><cite><span class="title">On caches, part {n}.</span>'
        '</cite><nav><ul><li class="ee"><a href="https://doi.org/10.1145/{n}"></a></li></ul></nav></li>'
    )
    page = "".join(entry.format(n=n) for n in range(3))
    with serving() as server:
        server.answers["/db/x2024.html"] = (200, {"Content-Type": "text/html"}, page)
        host = f"127.0.0.1:{server.port}"
        quick = Fetching(allow_hosts=[host], delay=0, retries=0)
        monkeypatch.setattr(looking, "ASKED", quick)
        source = source_of("https://dblp.org/db/conf/x/x2024.html")
        source = source.model_copy(update={"url": f"http://{host}/db/x{{year}}.html"})
        found = look(source, 2024, Path("store"))
        pages = [one.path for one in server.asked if one.path != "/robots.txt"]
    assert pages == ["/db/x2024.html"] and len(found.documents) == 3 and not found.whole
    assert proposed(source, found) == Choice((2013, 2021), (2022, 2024))
    with serving() as server:
        host = f"127.0.0.1:{server.port}"
        monkeypatch.setattr(looking, "ASKED", quick.model_copy(update={"allow_hosts": [host]}))
        source = source.model_copy(update={"url": f"http://{host}/db/x{{year}}.html"})
        found = look(source, 2024, Path("store"))
    assert found.why_not and "could not be read" in told(found, "x")[0]
    assert proposed(source, found).test == (2022, 2024)


def test_a_server_says_which_model_writes(here):
    with serving() as server:
        server.answers["/v1/models"] = (200, {}, {"data": [{"id": "qwen3:8b"}]})
        url = f"http://127.0.0.1:{server.port}/v1"
        made = choices.generators_of(f"{url},rules")
        assert made["qwen3-8b"]["model"] == "qwen3:8b" and [*made][1] == "rules"
    assert choices.generators_of(f"llama@{url}")["llama"]["url"] == url
    for text in (url, "rulse", "", "llama@nowhere"):
        with pytest.raises(PapertuneError) as told:
            choices.generators_of(text)
        assert told.value.hint


def test_a_title_tells_no_reader_where_a_file_lies(here):
    table(dict.fromkeys(range(2019, 2025), 40))
    main(["--name", "mine", "--from", str(Path("papers.csv").absolute())])
    values = yaml.safe_load(Path("config/experiments/mine.yaml").read_text())
    assert values["title"] == "A study of papers.csv"


WAYS = [
    ("rules,cloze", "scratch", "here"),
    ("gemma,smollm2,rules", "smollm2", "here"),
    ("gemma,smollm2,rules,cloze", HUB, "slurm"),
    ("m@http://localhost:8000/v1,rules", "scratch", "gpu"),
]


@pytest.mark.parametrize("source", ["papers.csv", "yearless.csv", "arxiv:cs.CL", "wikipedia:Cache"])
@pytest.mark.parametrize(("writers", "base", "place"), WAYS)
def test_every_file_loads_is_short_and_says_no_default(
    here, monkeypatch, capsys, source, writers, base, place
):
    monkeypatch.setenv("PAPERTUNE_CONTACT", "")  # nobody is asked
    table(dict.fromkeys(range(2019, 2025), 40))
    table({None: 60}, "yearless.csv")
    main(["--name", "mine", "--from", source, "--writers", writers, "--base", base, "--on", place])
    path = Path("config/experiments/mine.yaml")
    text = path.read_text()
    lines = text.splitlines()
    assert len(lines) <= LARGEST and "#" in "".join(lines[1:])
    schema = lines[0].removeprefix("# yaml-language-server: $schema=")
    assert json.loads((path.parent / schema).read_text())["title"] == "Experiment"
    study, values = load_experiment(path), yaml.safe_load(text)
    assert without_defaults(values) == values
    assert [*study.generators] == [one.partition("@")[0] for one in writers.split(",")]
    assert len({one.base for one in study.models.values()}) == 1 and len(study.models) == 3
    assert (study.compute.gpu > 0) == (place != "here" and (base != "scratch"))
    said = capsys.readouterr().out
    assert f"ON={place}" in said and "explain EXPERIMENTS=mine" in said
    assert ("--profile slurm" in said) == (place == "slurm")
    assert ("PAPERTUNE_CONTACT=" in said.partition("Next:")[2]) == (":" in source)
    assert ("make models" in said) == ("gemma" in writers or base == "smollm2")


def test_what_a_person_wrote_stays_a_text_in_the_file(here):
    name = table(dict.fromkeys(range(2019, 2025), 5), "a: b #'\u00e9\".csv")
    main(["--name", "mine", "--from", name])
    assert load_experiment("config/experiments/mine.yaml").source.path == name
    text = text_of({"title": "one\ntwo"}, {"title": "a\nb: c"}, "")
    assert yaml.safe_load(text) == {"title": "one\ntwo"}


def test_a_file_that_is_there_stays_as_it_is(here):
    table(dict.fromkeys(range(2019, 2025), 5))
    main(["--name", "mine", "--from", "papers.csv"])
    path = Path("config/experiments/mine.yaml")
    before = path.read_text()
    with pytest.raises(PapertuneError, match="already"):
        main(["--name", "mine", "--from", "papers.csv", "--test", "2024"])
    table(dict.fromkeys(range(2019, 2026), 5))  # years must not change sides
    main(["--name", "mine", "--from", "papers.csv", "--keep"])
    assert path.read_text() == before
    with pytest.raises(PapertuneError, match="already"):
        main(["--name", "mine", "--from", table({2020: 5, 2021: 5}, "other.csv"), "--keep"])
    main(["--name", "mine", "--from", "papers.csv", "--test", "2025", "--force"])
    assert load_experiment(path).years_of("test") == [2025]
    assert [one.name for one in path.parent.iterdir()] == ["mine.yaml"]


def test_a_name_that_is_not_said_is_the_file_s_and_a_bad_one_is_refused(here):
    main(["--from", table({2020: 5, 2021: 5}, "My Papers (2).csv")])
    assert Path("config/experiments/my-papers-2.yaml").exists()
    for name in ("Mine", "../mine", "a b"):
        with pytest.raises(PapertuneError, match="not a valid name"):
            main(["--name", name, "--from", "My Papers (2).csv"])


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--test", "2031"), ("--writers", "rulse"), ("--base", "smolm2"), ("--on", "cloud"),
     ("--columns", "title"), ("--train", "many")],
)  # fmt: skip
def test_a_flag_that_cannot_be_is_told_and_writes_nothing(here, flag, value):
    table({2020: 5, 2021: 5})
    with pytest.raises(PapertuneError) as told:
        main(["--from", "papers.csv", flag, value])
    assert told.value.hint and not Path("config").exists()


def test_what_is_here_is_proposed(here):
    assert found_here(Path()) == "demo"
    Path("pdfs").mkdir()
    Path("pdfs/a.pdf").touch()
    assert found_here(Path()) == "pdfs"
    table({2020: 1})
    assert found_here(Path()) == "papers.csv"


def talk(folder: Path, *answers: str, arguments: tuple[str, ...] = ()) -> tuple[str, int]:
    """What a person sees who gives these answers, and how it ends."""
    command = [sys.executable, "-m", "papertune.starter", *arguments]
    asked, library = [(r"\]: ", answer) for answer in answers], str(ROOT / "workflow/scripts")
    return on_terminal(command, folder, asked, seconds=60, PYTHONPATH=library)


def test_five_times_enter_makes_a_study(here):
    table(dict.fromkeys(range(2019, 2025), 5))
    seen, code = talk(here, *["\n"] * 5, arguments=("--name", "mine"))
    assert code == 0 and len(re.findall(r"\]: ", seen)) == 5, seen
    study = load_experiment("config/experiments/mine.yaml")
    assert study.source.path == "papers.csv" and study.years_of("test") == [2023, 2024]


def test_answers_that_cannot_be_are_asked_again_and_those_of_flags_are_not_asked(here):
    table(dict.fromkeys(range(2019, 2025), 5))
    answers = ["paper.csv\n", "papers.csv\n", "2030\n", "2024\n", "rules\n"]
    flags = ("--name", "mine", "--base", "scratch", "--on", "here")
    seen, code = talk(here, *answers, arguments=flags)
    assert code == 0 and "did you mean 'papers.csv'" in seen and "no document of" in seen
    study = load_experiment("config/experiments/mine.yaml")
    assert study.years_of("train") == [2019, 2020, 2021, 2022, 2023]
    assert [*study.generators] == ["rules"]


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_who_breaks_off_leaves_nothing_behind(here, key):
    table(dict.fromkeys(range(2019, 2025), 5))
    seen, code = talk(here, "\n", key)
    assert code == 1 and "Nothing was written" in seen and "Traceback" not in seen
    assert not Path("config").exists()
