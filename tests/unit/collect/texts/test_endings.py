"""Text after an abstract is removed, and real sentences with the same words stay."""

import pytest

from papertune.collect.listings.services import Paper
from papertune.collect.texts.endings import own_abstract, trimmed
from papertune.collect.texts.jats import text_of

TEXT = (
    "We ask whether a small model gains from reading the pages that it is asked about. On three venues "
    "it does, and the gain survives a change of question writer in every case."
)
GERMAN = (
    "Wir fragen, ob ein kleines Modell von der Lektüre der Seiten etwas hat, nach denen es gefragt wird. "
    "In drei Tagungen ist das so, und der Gewinn bleibt auch dann, wenn ein anderer fragt."
)
CHINESE = (
    "我们研究小模型是否从阅读它被问到的页面中受益。"
    "在三个会议上它确实受益，并且每种情况下收益都经得起更换提问者的考验。"
)
BEHIND = """
Keywords: a, b, c
Keywords a; b; c
Key words: language models; question answering
KEYWORDS: one, two
Key words and phrases: x, y
Keywords – x, y
Index Terms—Language models, question answering.
INDEX TERMS: a, b
PACS numbers: 12.34.-x, 05.45
PACS: 12.34
MSC: 35Q30
MSC 2010: 35Q30
2010 Mathematics Subject Classification. Primary 35Q30; Secondary 76D05
AMS subject classifications. 65N30
Mathematics Subject Classification (2000): 35Q30
JEL Classification: C12, D20
JEL codes: C12
JEL Classification C12
CCS Concepts: • Computing methodologies → Natural language
Categories and Subject Descriptors: H.3 [Information]; General Terms: Algorithms
General Terms: Algorithms, Performance
© 2020 The Authors. Published by Elsevier Ltd.
© 2010 Elsevier Ltd. All rights reserved.
(C) 2009 Elsevier B.V. All rights reserved.
Copyright © 2004 John Wiley & Sons, Ltd.
Copyright 2004 IEEE.
© The Author(s) 2020
© The Author(s) 2020. Published by Oxford University Press on behalf of it. For permissions: x@oup.com
This article is protected by copyright. All rights reserved.
Crown Copyright © 2009 Published by Elsevier Ltd. All rights reserved.
(PsycINFO Database Record (c) 2016 APA, all rights reserved)
PsycInfo Database Record (c) 2021 APA, all rights reserved
[ABSTRACT FROM AUTHOR]
(c) 2005 Wiley-Liss, Inc.
J. Comp. Neurol. 500:1-10, 2007. © 2007 Wiley-Liss, Inc.
This is an open access article distributed under the terms of the Creative Commons Attribution License.
This work is licensed under a Creative Commons Attribution 4.0 License.
Cite as: A. Author, A title. 2010.
Cite this article: A. Author, A title.
How to cite this article: Author A. A title.
Recommended Citation: Author, A. (2010).
Citation: Author A (2010) A title. PLoS ONE 5(1): e1.
ACM Reference Format: A. Author. 2020. A title.
Received: 3 May 2010; Accepted: 4 June 2010
Received 3 May 2010. Accepted 4 June 2010. Published online 5 June 2010.
DOI: 10.1000/xyz
https://doi.org/10.1000/xyz
Comments: 12 pages, 3 figures
Comment: 5 pages, to appear in X
Subject headings: galaxies: active — stars
Subjects: Artificial Intelligence (cs.AI); Learning (cs.LG)
MeSH terms: Humans; Mice; Animals
Medical Subject Headings: Humans, Mice
References [1] A. Author. A title. 2001. [2] B. Writer. It is one of the many things that we know.
1. Introduction Models are known to be large, and we ask why they are.
I. INTRODUCTION Models are large.
Plain Language Summary We asked a model, and it told us what it knows.
Graphical Abstract A picture that shows it.
Lay summary: We asked a model.
Résumé: Nous demandons si un petit modèle profite de la lecture des pages sur lesquelles on l'interroge.
Résumé Nous demandons si un petit modèle profite de la lecture des pages sur lesquelles on l'interroge.
Zusammenfassung. Wir fragen, ob ein kleines Modell von der Lektüre der Seiten etwas hat.
Palabras clave: modelos, páginas
Resumen Preguntamos si un modelo pequeño mejora con la lectura de las páginas sobre las que se le pregunta.
摘要：我们研究小模型是否从阅读页面中受益。
关键词：模型；页面
Mots-clés : modèles, pages
Keywords: a, b, c. © 2010 Elsevier Ltd. All rights reserved.
Topics: A; B
Descriptors: A; B
Author Keywords: x; y
Highlights • We read. • It is so.
Published by Elsevier B.V.
TL;DR: It is so.
Competing Interest Statement The authors have declared no competing interest.
### Competing Interest Statement The authors have declared none. ### Funding Statement It was paid for.
This article is categorized under: Models > Small Models > Reading
"""
BEFORE = """
© 2018 IEEE.
© 2019 Elsevier B.V.
© 2019 Elsevier Ltd. All rights reserved.
© 2019 The Authors. Published by Elsevier B.V.
Copyright © 2014 John Wiley & Sons, Ltd.
© 2013, Springer-Verlag Berlin Heidelberg.
© Springer International Publishing AG 2017.
© 2016 by the authors; licensee MDPI, Basel, Switzerland.
(C) 2009 Elsevier B.V. All rights reserved.
© 2020, The Author(s).
© 2012 Wiley Periodicals, Inc.
Copyright 2012 ACM.
"""
SENTENCES = """
Keywords are extracted from each page, and we show that they are few.
Copyright law has changed since 2001, and we show how this was done.
Conclusions: It works. Trial registration: NCT0123.
Conflicts of interest: what they are, and who has them, our scheme can tell.
Competing interests the editors knew of were few.
Supplementary data are available at Bioinformatics online.
Availability: http://x.example/y Contact: a@b.c
The following keywords: asthma and child were used, and we found that it is so.
Subjects: Forty patients with the disease. Results: All of them were well after some days.
It was published in 2010 by the authors and is used.
We received 30 answers in 2020.
References to it are many.
Search was done in PubMed (1990–2010).
It takes (C) 2000 steps and it is fast.
The graph (C) of 2010 is larger than that of 2000, as we show.
Our code is published by the American Society of Things and is free to use for all of us.
"""


@pytest.mark.parametrize("behind", BEHIND.strip().splitlines())
def test_what_stands_behind_an_abstract_goes(behind: str) -> None:
    assert trimmed(f"{TEXT} {behind}") == TEXT


@pytest.mark.parametrize("before", BEFORE.strip().splitlines())
def test_rights_before_it_go(before: str) -> None:
    assert trimmed(f"{before} {TEXT}") == TEXT


@pytest.mark.parametrize("sentence", SENTENCES.strip().splitlines())
def test_sentences_of_the_same_words_stay(sentence: str) -> None:
    assert trimmed(f"{TEXT} {sentence}") == f"{TEXT} {sentence}"


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Kleine Modelle, die von Seiten lesen", GERMAN),
        ("A small model that reads the pages", TEXT),
        ("Lektüre kleiner Modelle", GERMAN),
        ("小模型的阅读", CHINESE),
        ("Model pages", TEXT),
    ],
)
def test_of_several_languages_the_titles_is_taken(title: str, text: str) -> None:
    for both in (f"{TEXT} {GERMAN} {CHINESE}", f"{CHINESE}{GERMAN} {TEXT}"):
        assert own_abstract(both, title) == text
    labelled = f"Abstract: {TEXT} Zusammenfassung: {GERMAN} 摘要：{CHINESE}"
    assert own_abstract(labelled.removeprefix("Abstract: "), title) == text
    assert own_abstract(TEXT, title) == TEXT  # there is no other


@pytest.mark.parametrize("between", ["/", "//", "|", "***", "---"])
def test_a_line_between_two_languages_is_no_part_of_either(between: str) -> None:
    assert own_abstract(f"{GERMAN} {between} {TEXT}", "A small model that reads") == TEXT
    assert own_abstract(f"{GERMAN} {between} {TEXT}", "Von der Lektüre kleiner Modelle") == GERMAN
    assert own_abstract(f"{TEXT} {between} {TEXT[:60]}.", "") == f"{TEXT} {between} {TEXT[:60]}."


def test_a_quotation_in_another_language_stays() -> None:
    said = f"{TEXT} The poem says: „Wir fragen, ob ein kleines Modell von der Lektüre etwas hat.“ We agree."
    assert own_abstract(said, "A small model") == said


@pytest.mark.parametrize(
    "other",
    [
        "<jats:sec><jats:title>Keywords</jats:title><jats:p>one, two</jats:p></jats:sec>",
        "<jats:title>Plain Language Summary</jats:title><jats:p>We asked a model.</jats:p>",
        "<jats:title>Graphical abstract</jats:title><jats:p>A picture.</jats:p>",
        "<jats:title>Subject headings</jats:title><jats:p>Humans; Models</jats:p>",
        '<jats:abstract abstract-type="graphical"><jats:p>A picture of a model.</jats:p></jats:abstract>',
        "<jats:kwd-group><jats:kwd>one</jats:kwd><jats:kwd>two</jats:kwd></jats:kwd-group>",
    ],
)
def test_jats_has_other_things_beside_the_abstract(other: str) -> None:
    own = f"<jats:title>Abstract</jats:title><jats:p>{TEXT}</jats:p>"
    assert text_of(own + other) == TEXT
    if "abstract-type" in other:
        assert text_of(f"{other}<jats:abstract>{own}</jats:abstract>") == TEXT


def test_jats_in_two_languages() -> None:
    german = f'<jats:trans-abstract xml:lang="de"><jats:title>Zusammenfassung</jats:title><jats:p>{GERMAN}'
    markup = f"<jats:p>{TEXT}</jats:p>{german}</jats:p></jats:trans-abstract>"
    for title, text in (("The small model", TEXT), ("Von der Lektüre", GERMAN)):
        assert Paper("1", [title], 2020, text_of(markup)).outcome("crossref").text == text


def test_each_language_has_its_keywords_and_its_label() -> None:
    said = (
        f"ZUSAMMENFASSUNG {GERMAN} SCHLÜSSELWÖRTER: eins; zwei. ABSTRACT {TEXT} KEYWORDS: one; two."
    )
    assert own_abstract(said, "A small model that reads the pages") == TEXT
    assert own_abstract(said, "Von der Lektüre kleiner Modelle") == GERMAN


def test_what_a_service_gives_is_the_abstract_alone() -> None:
    for said in (
        f"{TEXT} Keywords: one, two",
        f"{TEXT} Comments: 12 pages, 3 figures",
        f"© 2018 IEEE. {TEXT}",
    ):
        paper = Paper("1", ["A title"], 2020, said, url="https://x.example/1")
        assert paper.outcome("arxiv").text == paper.item(2020).text == TEXT
