"""Titles: the same one in different spellings, similar but different ones, and what is no paper."""

import pytest

from papertune.collect.texts.titles import best_match, no_paper, normalised, searchable, similarity
from tables import rows

SAME = r"""
Reading Long Pages ⇒ reading long pages.
Cafés &amp; Models ⇒ Cafe&#x301;s & models
Erd\H{o}s and G\"odel on {TCP} ⇒ Erdős and Gödel on TCP
\emph{Fast} Caches for $k$-means ⇒ <i>Fast</i> caches for k-means
$\alpha$-stable Noise ⇒ α-Stable noise
Melting H<sub>2</sub>O ⇒ Melting H₂O
Melting H<sub>2</sub>O ⇒ Melting $H_2O$
Bench-marking caches ⇒ Benchmarking Caches
A Cache’s Life – in Two Parts ⇒ A cache's life: in two parts
The eﬃcient caﬀe ⇒ The efficient caffe
Sets of \documentclass[12pt]{minimal}\begin{document}$$n$$\end{document} ⇒ Sets of n
深層学習による読解 ⇒ 深層学習による読解
"""
OTHERS = """
Language models of the year, part II ⇒ Language models of the year, part III
Reasoning about long pages with GPT-3 ⇒ Reasoning about long pages with GPT-4
A survey of branch prediction in 2019 ⇒ A survey of branch prediction in 2020
A survey of branch prediction methods ⇒ Erratum: A survey of branch prediction methods
A survey of branch prediction methods ⇒ Reply to A survey of branch prediction methods
Reading long pages ⇒ Reading long pages with small models on large machines
Reading long pages ⇒
… ⇒ !
"""
SEARCHED = """
Attention Is All You Need! ⇒ attention is all you need
"NOT" a (query*) | of ours ⇒ not a query of ours
Introduction ⇒
Editorial ⇒
深層学習による自然言語の読解手法 ⇒ 深層学習による自然言語の読解手法
"""
NO_PAPERS = """
Front Matter ⇒ front_matter
Table of Contents ⇒ front_matter
Editorial Board ⇒ front_matter
Title Page iii ⇒ front_matter
Message from the Program Chairs ⇒ front_matter
[Front cover] ⇒ front_matter
RETRACTED: Caches that read minds ⇒ retracted
Retraction Note to: Caches that read minds ⇒ retracted
Erratum ⇒ correction
Corrigendum to “Caches” ⇒ correction
Author Correction: Caches ⇒ correction
Correction of soft errors in caches ⇒
Error correction codes ⇒
Retracting proxies in caches ⇒
Message Passing from the Chairs of Robots ⇒
Indexing Contents ⇒
Preface to a theory of caches ⇒
"""


@pytest.mark.parametrize(("one", "other"), rows(SAME))
def test_the_same_title(one, other):
    assert similarity(one, other) == 1.0
    assert normalised(normalised(one)) == normalised(one)


@pytest.mark.parametrize(("one", "other"), rows(OTHERS))
def test_another_title(one, other):
    assert similarity(one, other) < 0.9


@pytest.mark.parametrize(
    ("title", "year", "best"),
    [
        ("Reading Long Pages", 2020, 2),
        ("Reading Long Pages", 2017, 1),
        ("Reading Long Pages", 0, 1),  # a year that is not known fits
        ("Reading Long Pages", 2012, None),
        ("Something Else", 2020, None),
        ("Caches: How They Came to Be", 2020, 3),
        ("A Title without a Year", 1990, 4),
    ],
)
def test_the_best_candidate_of_a_fitting_year_is_taken(title, year, best):
    given = (["Reading the long pages"], 2020), (["Reading long pages"], 2017)
    given += (["Reading long pages"], 2021), (["Caches", "Caches: how they came to be"], 2020)
    given += ((["A title without a year"], None),)
    candidates = [(*row, number) for number, row in enumerate(given)]
    assert best_match(title, year, candidates, 0.8) == best
    assert best_match(title, year, [], 0.8) is None


def test_a_slip_of_the_pen_is_the_same_title_where_the_threshold_says_so():
    title, other = "A Survey of Branch Prediction", "A survey on branch predictions"
    alike = similarity(title, other)
    assert 0.9 <= alike < 1
    assert best_match(title, 2020, [([other], 2020, 0)], alike) == 0
    assert best_match(title, 2020, [([other], 2020, 0)], alike + 0.01) is None


@pytest.mark.parametrize(("title", "words"), rows(SEARCHED))
def test_words_to_search_by(title, words):
    assert searchable(title) == words
    assert len(searchable("long title " * 100)) <= 300, "they fit into a url"


@pytest.mark.parametrize(("title", "reason"), rows(NO_PAPERS))
def test_what_is_no_paper(title, reason):
    assert no_paper(title) == reason
