"""Titles and abstracts of papers in the layouts of several publishers, and what replaces them."""

import random
import textwrap

import pytest

from papertune.collect.texts.pdf import PdfError, read_pdf
from papertune.collect.texts.pdf_front import abstract_of, title_of
from papertune.collect.texts.pdf_lines import Line
from papertune.collect.texts.pdf_text import plain
from pdfs import Picture, Sheet, Text, block, centred, write

TITLE = "Small Models That Read Papers Column by Column"
ABSTRACT = (
    "We ask whether small models gain from papers that are read column by column. On three venues they "
    "do, and the gain survives every change of the question writer. It is largest for methods that were "
    "published late, and vanishes where the order of the columns is lost. We conclude that the reader of "
    "the files matters as much as the size of the model."
)
GERMAN = (
    "Wir fragen, ob kleine Modelle davon lernen, dass Aufsätze Spalte für Spalte gelesen werden. Auf drei "
    "Tagungen ist das der Fall, und der Gewinn bleibt, wenn andere die Fragen schreiben. Die Reihenfolge "
    "der Spalten ist daher so wichtig wie die Größe des Modells."
)
WORDS = (
    "the model of a paper is read by people who have a question",
    "and find an answer in the text that we have for them",
)
GERMAN_WORDS = (
    "das Modell liest einen Aufsatz",
    "und die Antwort ist nicht in der Tabelle auf der Seite",
)


def prose(tag: str, words: tuple[str, ...] = WORDS, count: int = 900) -> str:
    choose, said = random.Random(tag), list[str]()
    while len(said) < count:
        sentence = [choose.choice(" ".join(words).split()) for _ in range(choose.randint(9, 16))]
        said += [sentence[0].capitalize(), *sentence[1:-1], f"{sentence[-1]}."]
    return " ".join(said)


def down_to(foot: float, lines: list[Text]) -> list[Text]:
    return [line for line in lines if line.y >= foot]


def columns(top: float, heading: str = "", size: float = 10) -> list[Text]:
    """Two columns of prose to the foot of the page, the first one below a heading."""
    head = [Text(50, top, size, "bold", heading)] if heading else []
    start = top - 2 * size * bool(heading)
    left = block(prose(f"{top}l"), 50, start, 246, size)
    return head + down_to(60, left) + down_to(60, block(prose(f"{top}r"), 316, top, 246, size))


MORE: list[Sheet] = [[Text(50, 760, 8, "roman", f"{n} A. Author"), *columns(730)] for n in (2, 3)]


def read(tmp_path, first, named="", more=MORE, before=()):
    path = write(tmp_path / "a.pdf", [*before, first, *more], named)
    paper = read_pdf(path)
    return paper.title, read_pdf(path, part="abstract").text, paper.text


def physics(dates: str = "", heading: str = "", below: str = "") -> Sheet:
    first: Sheet = [Text(200, 765, 9, "roman", "PHYSICAL LETTERS OF NOWHERE 124, 012345 (2020)")]
    first += centred(TITLE, 725, 13, "bold")
    first += centred("Anna Author,1,* Ben Writer,2 and Carla Poet1", 700, 10)
    first += centred(
        "1Department of Physics, University of Somewhere, 12345 Town", 685, 9, "italic"
    )
    first += centred(dates, 670, 9) if dates else []
    first += block(ABSTRACT, 90, 650, 430, 9.5)
    first += [Text(90, 575, 9, "roman", below)] if below else []
    return first + columns(545, heading)


@pytest.mark.parametrize(
    "given",
    [
        {
            "dates": "(Received 3 March 2019; published 9 July 2019)",
            "below": "DOI: 10.1103/Phys.12.1",
        },
        {"dates": "(Dated: March 3, 2019)"},
        {"dates": "(Dated: March 3, 2019)", "below": "PACS numbers: 03.67.Lx, 42.50.Dv"},
        {"heading": "I. INTRODUCTION"},
        {"heading": "1 Introduction", "below": "Keywords: models, columns, layout"},
    ],
)
def test_an_abstract_without_a_heading(tmp_path, given):
    title, abstract, text = read(tmp_path, physics(**given))
    assert (title, abstract) == (TITLE, ABSTRACT)
    assert f"\n\n{ABSTRACT}\n\n" in text


def test_an_abstract_in_bold_before_the_text(tmp_path):
    said = f"{ABSTRACT} {prose('lead', count=50)}"
    lead = block(f"{said}1–3", 40, 640, 256, 8.5, "bold")
    body = block(prose("body"), 40, lead[-1].y - 10.2, 256, 8.5)
    first: Sheet = [
        Text(40, 765, 26, "sans", "LETTER"),
        Text(430, 765, 8, "sans", "doi:10.1038/nowhere01234"),
        Text(40, 720, 22, "bold", "Small Models That Read Papers"),
        Text(40, 695, 22, "bold", "Column by Column"),
        Text(40, 668, 9, "roman", "Anna Author1, Ben Writer2 & Carla Poet1"),
        *lead,
        *down_to(90, body),
        *down_to(60, block(prose("right"), 316, 640, 256, 8.5)),
    ]
    assert read(tmp_path, first, "nowhere01234 1..5")[:2] == (TITLE, said)


def beside() -> Sheet:
    """The box of history and keywords left of the abstract."""
    history = [
        "Article history:",
        "Received 3 March 2019",
        "Accepted 2 July 2019",
        "Keywords:",
        "Models",
    ]
    return [
        Text(210, 740, 8, "roman", "Contents lists available at NowhereDirect"),
        *centred("Journal of Made-up Things", 715, 18),
        Text(225, 690, 8, "roman", "journal homepage: www.example.org/jmt"),
        Text(40, 650, 13.5, "roman", "Small Models That Read Papers Column"),
        Text(40, 633, 13.5, "roman", "by Column"),
        Text(40, 605, 10.5, "roman", "Anna Author a,*, Ben Writer b"),
        Text(40, 588, 7, "italic", "a Department of Texts, University of Somewhere, 12345 Town"),
        Text(40, 550, 9, "roman", "A R T I C L E   I N F O"),
        Text(215, 550, 9, "roman", "A B S T R A C T"),
        *[Text(40, 532 - 9 * row, 7, "roman", line) for row, line in enumerate(history)],
        *block(ABSTRACT, 215, 532, 350, 8),
        Text(420, 440, 7, "roman", "© 2019 Nowhere Ltd. All rights reserved."),
        *[line for line in columns(400, "1. Introduction", 9) if line.y > 130],
        Text(50, 100, 7, "roman", "* Corresponding author."),
        Text(50, 90, 7, "roman", "E-mail address: anna@example.org (A. Author)."),
    ]


def margin() -> Sheet:
    """A column of notices at the left edge."""
    notices = textwrap.wrap(
        "OPEN ACCESS Citation: Author A, Writer B (2020) Small models that read papers. Nowhere ONE 15(3). "
        "Received: March 3, 2019 Accepted: July 2, 2019 Copyright: 2019 Author, Writer. This is an open "
        "access article under the terms of the licence. Data: All data are in the paper.",
        36,
    )
    return [
        Text(40, 760, 10, "sans", "RESEARCH ARTICLE"),
        Text(200, 720, 20, "bold", "Small Models That Read Papers"),
        Text(200, 696, 20, "bold", "Column by Column"),
        Text(200, 670, 10, "bold", "Anna Author1*, Ben Writer2"),
        Text(200, 605, 14, "bold", "Abstract"),
        *block(ABSTRACT, 200, 585, 370, 10),
        *[Text(40, 600 - 9 * row, 7, "sans", line) for row, line in enumerate(notices)],
        Text(200, 480, 14, "bold", "Introduction"),
        *down_to(60, block(prose("body"), 200, 460, 370, 10)),
    ]


def engineers() -> Sheet:
    """A big title, the abstract in bold behind its heading, a note at the column's foot."""
    note = "Manuscript received March 3, 2019; revised June 1, 2019. The authors are with the University."
    return [
        Text(50, 765, 7, "sans", "TRANSACTIONS ON MADE-UP SYSTEMS, VOL. 12, NO. 3, MARCH 2020"),
        *centred("Small Models That Read\nPapers Column by Column", 720, 24),
        *centred("Anna Author, Member, and Ben Writer", 655, 11),
        *block(f"Abstract—{ABSTRACT}", 50, 620, 246, 9, "bold"),
        *block("Index Terms—Language models, document layout.", 50, 430, 246, 9, "bold"),
        Text(110, 395, 10, "roman", "I. INTRODUCTION"),
        *down_to(150, block(prose("left"), 50, 375, 246, 10)),
        *block(note, 50, 130, 246, 8),
        *down_to(60, block(prose("right"), 316, 620, 246, 10)),
    ]


def history() -> Sheet:
    """The box of history and keywords right of the abstract, under lines that begin anywhere."""
    notices = (
        "ARTICLE HISTORY",
        "Received 3 March 2019",
        "Accepted 2 July 2019",
        "KEYWORDS",
        "Models; order of columns;",
        "layout; papers",
    )
    return [
        Text(40, 765, 8, "italic", "NOWHERE STUDIES 2020, VOL. 12, NO. 3, 44–61"),
        *block(TITLE, 40, 720, 500, 17, "bold"),
        Text(40, 660, 10, "roman", "Anna Author and Ben Writer"),
        Text(40, 630, 8, "bold", "ABSTRACT"),
        *block(ABSTRACT, 40, 618, 350, 9),
        *[Text(430, 630 - 10 * row, 8, "roman", line) for row, line in enumerate(notices)],
        Text(40, 500, 11, "bold", "Introduction"),
        *down_to(60, block(prose("body"), 40, 480, 530, 10)),
    ]


def reviewed() -> Sheet:
    """Many notices beside the title, a DOI above, affiliations with numbers, and no heading."""
    notices = textwrap.wrap(
        "Edited by: Eva Reader, University of Somewhere Reviewed by: Ian Stone, School of Nowhere Field: "
        "Article submitted to Made-up Models, a section of the journal Papers in Nowhere "
        "Received: 3 March 2019 Accepted: 2 July 2019 Citation: Author A and Writer B (2019) Small",
        24,
    )
    return [
        Text(470, 765, 8, "sans", "ORIGINAL RESEARCH"),
        Text(470, 745, 8, "sans", "doi: 10.9999/nowhere.2019.1"),
        Text(200, 715, 20, "bold", "Small Models That Read Papers"),
        Text(200, 691, 20, "bold", "Column by Column"),
        Text(200, 660, 10, "italic", "Anna Author 1* and Ben Writer 2"),
        *block("1 Texts Group, School of Papers, Town, Nowhere, 2 Papers, Inc.", 200, 640, 370, 8),
        *block(ABSTRACT, 200, 600, 370, 9),
        Text(200, 520, 9, "bold", "Keywords: models, columns, layout"),
        *[Text(40, 660 - 9 * row, 7, "sans", line) for row, line in enumerate(notices)],
        Text(200, 490, 11, "bold", "INTRODUCTION"),
        *down_to(60, block(prose("body"), 200, 470, 370, 10)),
    ]


def drawn() -> Sheet:
    """The picture of a paper on a page before it, and the journal in larger type than the title."""
    return [
        Text(40, 740, 20, "bold", "Graphical Abstract"),
        *centred("Nordic Journal of Papers", 700, 20),
        *block(TITLE, 40, 650, 530, 14, "bold"),
        Text(40, 620, 10, "roman", "Anna Author and Ben Writer"),
        Text(40, 590, 10, "bold", "Abstract"),
        *block(ABSTRACT, 40, 570, 530, 10),
        Text(40, 490, 11, "bold", "1. Introduction"),
        *down_to(60, block(prose("body"), 40, 470, 530, 10)),
    ]


def series() -> Sheet:
    """The title once more between the heading and the abstract, which addresses follow."""
    return [
        *centred("DISCUSSION PAPER SERIES", 740, 20),
        Text(40, 690, 13, "bold", "ABSTRACT"),
        *block(f"{TITLE}*", 40, 660, 530, 16, "bold"),
        *block(ABSTRACT, 40, 610, 530, 10),
        Text(40, 530, 10, "roman", "Anna Author"),
        Text(40, 518, 10, "roman", "University of Somewhere"),
        Text(40, 506, 10, "roman", "anna@somewhere.example"),
    ]


def labelled() -> Sheet:
    """The kind of article and the dates above, the rest in one column."""
    return [
        Text(40, 765, 30, "sans", "Article"),
        Text(40, 712, 18, "bold", "Small Models That Read Papers Column"),
        Text(40, 690, 18, "bold", "by Column"),
        Text(40, 665, 10, "bold", "Anna Author 1,* and Ben Writer 2"),
        *block("* Correspondence: anna@example.org; Tel.: +1-234", 60, 630, 480, 9),
        Text(
            40,
            610,
            9,
            "roman",
            "Received: 3 March 2020; Accepted: 1 June 2020; Published: 3 June 2020",
        ),
        *block(f"Abstract: {ABSTRACT}", 40, 585, 530, 10),
        Text(40, 515, 10, "roman", "Keywords: language models; document layout"),
        Text(40, 480, 11, "bold", "1. Introduction"),
        *down_to(60, block(prose("body"), 40, 460, 530, 10)),
    ]


def uniform() -> Sheet:
    """A manuscript in one size of type."""
    return [
        Text(72, 720, 12, "bold", TITLE),
        Text(72, 690, 12, "roman", "Anna Author and Ben Writer"),
        Text(72, 660, 12, "roman", "University of Somewhere"),
        Text(72, 620, 12, "bold", "Abstract"),
        *block(ABSTRACT, 72, 600, 470, 12),
        Text(72, 480, 12, "bold", "Introduction"),
        *down_to(60, block(prose("body"), 72, 460, 470, 12)),
    ]


def capitals() -> Sheet:
    """A title in capitals above authors in its size, the number of the paper larger than both."""
    return [
        *centred("CONF2020-12345", 750, 20, "bold"),
        *centred(TITLE.upper(), 720, 14, "bold"),
        *centred("Anna Author", 690, 14),
        Text(50, 640, 11, "bold", "ABSTRACT"),
        *block(ABSTRACT, 50, 625, 246, 9),
        Text(50, 440, 11, "bold", "1. INTRODUCTION"),
        *down_to(60, block(prose("left"), 50, 425, 246, 9)),
        *down_to(60, block(prose("right"), 316, 640, 246, 9)),
    ]


@pytest.mark.parametrize(
    "first",
    [
        *(beside, margin, engineers, history, reviewed, drawn, series),
        *(labelled, uniform, capitals),
    ],
)
def test_titles_and_abstracts_of_several_houses(tmp_path, first):
    title, abstract, _ = read(tmp_path, first())
    assert title.lower() == TITLE.lower()
    assert abstract == ABSTRACT


def test_what_programs_call_a_file_is_no_title():
    lines = [Line(TITLE, 72, 700, 400, 720), Line("Anna Author", 72, 680, 400, 690)]
    for named in (
        *(
            "Microsoft Word - paper_final.doc",
            "untitled",
            "paper-v2.pdf",
            "No Title Given",
            "Slide 1",
        ),
        *("PowerPoint Presentation", "nowhere01234 1..5", "PII: 0370-2693(88)90001-2", "main.dvi"),
        "Electron. Commun. Probab. 0 (2020), article no. 0, https://doi.org/10.1214/YY-TN",
    ):
        named_first = [Line(named, 72, 740, 300, 745), *lines]
        assert title_of(named, named_first) == TITLE


def test_an_abstract_goes_on_in_the_next_column_past_the_notes(tmp_path):
    lines = block(ABSTRACT, 50, 0, 246, 9)
    note = "*Both authors contributed equally to this work, which the Made-up Fund has supported."
    first: Sheet = [
        *centred(TITLE, 720, 18, "bold"),
        *centred("Anna Author*", 690, 12),
        *down_to(260, block(prose("figure"), 50, 600, 246, 9)),
        Text(50, 230, 11, "bold", "Abstract"),
        *[line._replace(y=215 - 10.8 * row) for row, line in enumerate(lines[:4])],
        *block(note, 50, 90, 246, 7),
        *[line._replace(x=316, y=640 - 10.8 * row) for row, line in enumerate(lines[4:])],
        Text(316, 560, 11, "bold", "1 Introduction"),
        *down_to(60, block(prose("right"), 316, 545, 246, 9)),
    ]
    _, abstract, text = read(tmp_path, first)
    assert abstract == ABSTRACT
    assert f"\n\n{ABSTRACT}\n\n" in text and note in text


def test_numbers_beside_the_lines_are_no_text(tmp_path):
    sheets = []
    for page, sheet in enumerate([uniform(), *MORE]):
        places = sorted({line.y for line in sheet}, reverse=True)
        numbers = [Text(20, y, 7, "sans", str(60 * page + n)) for n, y in enumerate(places, 1)]
        sheets.append([*sheet, *numbers])
    title, abstract, text = read(tmp_path, sheets[0], more=sheets[1:])
    assert (title, abstract) == (TITLE, ABSTRACT)
    assert not any(char.isdigit() for char in text)


def german(run_in: bool) -> Sheet:
    head = [] if run_in else [Text(60, 640, 10, "bold", "Zusammenfassung")]
    return [
        *centred("Kleine Modelle, die Aufsätze\nSpalte für Spalte lesen", 720, 18, "bold"),
        *centred("Anna Autorin und Ben Schreiber", 670, 11),
        *head,
        *block(f"{'Zusammenfassung ' * run_in}{GERMAN}", 60, 625, 490, 10),
        Text(60, 560, 10, "roman", "Schlüsselwörter: Sprachmodelle, Seitenaufbau"),
        Text(60, 530, 10, "bold", "Abstract"),
        *block(ABSTRACT, 60, 515, 490, 10),
        Text(60, 450, 10, "roman", "Keywords: language models, layout"),
        Text(60, 420, 12, "bold", "1 Einleitung"),
        *down_to(60, block(prose("body", GERMAN_WORDS), 60, 400, 490, 10)),
    ]


@pytest.mark.parametrize("run_in", [False, True])
def test_of_two_languages_the_papers(tmp_path, run_in):
    more = [block(prose("more", GERMAN_WORDS), 60, 730, 490, 10)]
    title, abstract, _ = read(tmp_path, german(run_in), more=more)
    assert title == "Kleine Modelle, die Aufsätze Spalte für Spalte lesen"
    assert abstract == GERMAN


def test_a_chinese_paper_with_an_english_abstract(tmp_path):
    said = (
        "针对论文分栏排版导致文本顺序错乱的问题，提出一种按栏阅读的方法。实验结果表明，该方法在三个数据集上均优于"
        "现有方法，并且与提问者无关。结论是阅读顺序与模型规模同样重要。"
    )
    body = (
        "随着大规模语言模型的发展，如何从论文中获得知识成为一个重要的问题。我们研究了排版对模型的影响。"
        * 12
    )

    def lines(text: str, top: float) -> Sheet:
        parts = [text[start : start + 46] for start in range(0, len(text), 46)]
        return [Text(60, top - 14 * row, 10, "song", part) for row, part in enumerate(parts)]

    first: Sheet = [
        Text(150, 720, 18, "song", "基于分栏阅读的小型语言模型研究"),
        Text(230, 690, 12, "song", "张三，李四"),
        *lines(f"摘要：{said}", 640),
        Text(60, 590, 10, "song", "关键词：语言模型；版面分析；问答"),
        *centred(TITLE, 560, 14, "bold"),
        *block(f"Abstract: {ABSTRACT}", 60, 520, 490, 10),
        Text(60, 450, 10, "roman", "Keywords: language models; layout"),
        Text(60, 425, 12, "song", "1 引言"),
        *lines(body, 405),
    ]
    title, abstract, _ = read(tmp_path, first, more=[lines(body * 2, 730)])
    assert (title, abstract) == ("基于分栏阅读的小型语言模型研究", said)


@pytest.mark.parametrize(
    "note",
    [
        "The author thanks the members of the group for many discussions that have made this paper better "
        "than it was. This work was supported by the Made-up Fund of the country under grant number 12345.",
        "This is the accepted version of a paper that was published in the Journal of Made-up Things. The "
        "version of record is at the publisher, and may differ from it in pages and in typesetting.",
    ],
)
def test_a_note_is_no_abstract(tmp_path, note):
    first: Sheet = [
        *centred(TITLE, 720, 18, "bold"),
        *centred("Anna Author", 690, 11),
        *block(note, 60, 660, 490, 9),
        *columns(600, "1 Introduction"),
    ]
    assert read(tmp_path, first)[:2] == (TITLE, "")


def test_of_two_paragraphs_without_a_heading_none_is_taken_alone(tmp_path):
    first: Sheet = [
        *centred(TITLE, 720, 18, "bold"),
        *centred("Anna Author", 690, 11),
        *block(ABSTRACT, 50, 650, 500),
        *block(f"{ABSTRACT} {prose('more', count=50)}", 62, 570, 488),
        Text(50, 470, 10, "roman", "Keywords: models, columns"),
        *columns(440),
    ]
    assert read(tmp_path, first)[:2] == (TITLE, "")


@pytest.mark.parametrize("heading", ["ZUSAMMENFASSUNG", "Zusammenfassung"])
def test_abstracts_beside_each_other_are_two(tmp_path, heading):
    first: Sheet = [
        *centred("Kleine Modelle, die Aufsätze Spalte für Spalte lesen", 730, 16, "bold"),
        *centred("Anna Author", 700, 10),
        Text(50, 670, 10, "bold", heading),
        *block(GERMAN, 50, 658, 246),
        Text(316, 670, 10, "bold", "ABSTRACT"),
        *block(ABSTRACT, 316, 658, 246),
        Text(50, 480, 11, "bold", "Einleitung"),
        *down_to(60, block(prose("eins", GERMAN_WORDS, 3000), 50, 460, 500)),
    ]
    assert read(tmp_path, first, more=())[1] == GERMAN


def test_a_page_before_the_first_may_be_blank(tmp_path):
    found = read(tmp_path, [], more=[uniform(), *MORE])
    assert found[:2] == (TITLE, ABSTRACT)


def test_a_letter_without_an_abstract_has_none(tmp_path):
    first: Sheet = [
        *centred(TITLE, 720, 18, "bold"),
        *centred("Anna Author", 690, 11),
        *columns(650),
    ]
    assert read(tmp_path, first)[:2] == (TITLE, "")


def test_a_thesis_has_its_abstract_after_other_pages(tmp_path):
    cover: Sheet = [
        *centred("UNIVERSITY OF SOMEWHERE", 740, 14, "bold"),
        *centred("Small Models That Read Papers\nColumn by Column", 560, 22, "bold"),
        *centred("A thesis submitted for the degree of\nDoctor of Philosophy", 440, 12),
        *centred("Anna Author", 380, 14),
    ]
    contents: Sheet = [
        Text(72, 720, 18, "bold", "Contents"),
        Text(72, 690, 12, "roman", "Abstract . . . . . . . . . . . . . . . . . . . . 3"),
        Text(72, 675, 12, "roman", "1 Introduction . . . . . . . . . . . . . . . . . 5"),
    ]
    abstract: Sheet = [Text(72, 720, 18, "bold", "Abstract"), *block(ABSTRACT, 72, 690, 470, 12)]
    chapter: Sheet = [
        Text(72, 720, 18, "bold", "Chapter 1"),
        Text(72, 690, 18, "bold", "Introduction"),
        *down_to(60, block(prose("body"), 72, 650, 470, 12)),
    ]
    found = read(tmp_path, cover, more=[contents, abstract, chapter, *MORE])
    assert found[:2] == (TITLE, ABSTRACT)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Abstract\n\n", "\n\n©2020 Made-up Society. All rights reserved.\n\n1 Introduction"),
        ("Abstract\n\n", " Keywords: models, columns, papers\n\n1 Introduction"),
        (
            "A B S T R A C T\n\n",
            "\n\n2010 Mathematics Subject Classification: 60K35\n\n1. Introduction",
        ),
        ("Abstract. ", "\n\nReceived: 3 March 2020\n\nIntroduction"),
        ("Abstract\n\n", "\n\n2010 AMS Classification: 60K35\n\n1 Introduction"),
        ("Abstract\n\n", " Unified Astronomy Thesaurus concepts: Galaxies (573); Stars (9)\n\n1."),
        ("Abstract. ", "\n\nMots-clefs. modèles, colonnes\n\nIntroduction"),
        ("Abstract\n\n", "\n\nAnna Author Department of Texts anna@example.org\n\n1 Introduction"),
        ("Abstract\n\n", "\n\n∗ Corresponding author: anna@example.org\n\nPACS: 01.30.−y"),
        (
            "Contents\n\nAbstract . . . . . . . 3\n\nAbstract\n\n",
            "\n\nTable of Contents\n\n1 Introduction",
        ),
    ],
)
def test_what_stands_behind_an_abstract(before, after):
    assert abstract_of(f"{TITLE}\n\nAnna Author\n\n{before}{ABSTRACT}{after}") == ABSTRACT


STAMP = [
    Text(
        100,
        30,
        8,
        "roman",
        "This content downloaded from 10.0.0.1 on Tue, 03 Mar 2020 12:00:00 UTC",
    ),
    Text(200, 20, 8, "roman", "All use subject to https://about.jstor.org/terms"),
]


def archive() -> Sheet:
    about = (
        "JSTOR is a not-for-profit service that helps scholars, researchers, and students discover, use, and "
        "build upon a wide range of content in a trusted digital archive. Your use of the JSTOR archive "
        "indicates your acceptance of the Terms & Conditions of Use."
    )
    return [
        Text(50, 740, 14, "bold", TITLE),
        Text(50, 715, 10, "roman", "Author(s): Anna Author and Ben Writer"),
        Text(50, 685, 10, "roman", "Published by: Made-up Society"),
        Text(50, 670, 10, "roman", "Stable URL: https://www.jstor.org/stable/1234567"),
        *block(about, 50, 600, 500, 9),
        *STAMP,
    ]


def network() -> Sheet:
    return [
        Text(
            40,
            760,
            8,
            "sans",
            "See discussions, stats, and author profiles for this publication at: x.org",
        ),
        Text(40, 700, 26, "sans", "A Preprint of Somebody"),
        Text(40, 590, 9, "sans", "CITATIONS"),
        Text(40, 545, 10, "sans", "2 authors, including:"),
        Text(40, 60, 8, "sans", "All content following this page was uploaded by Anna Author."),
    ]


def repository() -> Sheet:
    return [
        Text(350, 740, 30, "sans", "University of Somewhere"),
        Text(40, 690, 12, "bold", TITLE),
        Text(40, 640, 10, "roman", "Published in:"),
        Text(40, 570, 10, "roman", "Publication date:"),
        Text(40, 540, 10, "roman", "Document Version"),
        Text(40, 480, 10, "roman", "Citation for published version (APA):"),
        *block(
            "General rights. Copyright and moral rights are retained by the authors.",
            40,
            400,
            500,
            9,
        ),
    ]


@pytest.mark.parametrize("cover", [archive, network, repository])
def test_a_cover_says_nothing_of_the_paper(tmp_path, cover):
    title, abstract, text = read(tmp_path, physics(heading="I. INTRODUCTION"), before=[cover()])
    assert (title, abstract) == (TITLE, ABSTRACT)
    assert not any(said in text for said in ("JSTOR", "discussions, stats", "General rights"))


@pytest.mark.parametrize("pages", [1, 2, 8])
def test_a_scan_behind_a_cover_with_text_is_a_scan(tmp_path, pages):
    write(tmp_path / "a.pdf", [archive(), *[[Picture(), *STAMP]] * pages])
    with pytest.raises(PdfError) as error:
        read_pdf(tmp_path / "a.pdf")
    assert error.value.reason == "pdf_scanned"


def test_a_text_on_pictures_of_its_pages_is_read_unless_it_is_noise(tmp_path):
    sheets = [[Picture(), *sheet] for sheet in (physics(heading="I. INTRODUCTION"), *MORE)]
    assert read(tmp_path, sheets[0], more=sheets[1:])[:2] == (TITLE, ABSTRACT)
    choose = random.Random(1)
    marks = "abcdeilmnorstu1I|l!.,;:'~^}{][)(/_*"
    noise = " ".join(
        "".join(choose.choice(marks) for _ in range(choose.randint(1, 9))) for _ in range(600)
    )
    accents = " ".join("ÐÀÑ×ÒÍÎ" for _ in range(100))
    for said in (noise, accents):
        write(tmp_path / "b.pdf", [[Picture(), *block(said, 60, 730, 490, 10)]])
        with pytest.raises(PdfError) as error:
            read_pdf(tmp_path / "b.pdf")
        assert error.value.reason == "pdf_garbled"


def test_slides_and_pages_that_are_alike_are_no_scan(tmp_path):
    slide = [
        Text(80, 480 - 40 * row, 18, "sans", "- a point about columns and order")
        for row in range(8)
    ]
    first = [*centred(TITLE, 500, 28, "bold"), *centred("Anna Author", 420, 18)]
    title, abstract, text = read(tmp_path, first, "PowerPoint Presentation", more=[slide] * 5)
    assert (title, abstract) == (TITLE, "") and "a point about columns" in text


def test_ligatures_without_names_are_letters(tmp_path):
    """As old fonts of TeX have them, and as those of office programs are named."""
    codes = {"ff": "\x1b", "fi": "\x1c", "fl": "\x1d", "ffi": "\x1e", "ffl": "\x1f"}
    said = "The {ffi}ce {fi}nds {fl}at o{ff}ers of ba{ffl}ed {fi}rms. "
    drawn = block(said.format(**codes) * 20, 60, 650, 490)
    text = read(tmp_path, [*centred(TITLE, 720, 18), *drawn], more=[])[2]
    meant = said.format(**{name: name for name in codes}).strip()
    assert text.count(meant) == 20
    assert plain("posiƟons and paƩerns") == "positions and patterns"


def test_letters_that_are_drawn_twice_are_there_once(tmp_path):
    twice = [line for line in uniform() for _ in range(1 + (line.font == "bold"))]
    assert read(tmp_path, twice)[:2] == (TITLE, ABSTRACT)
