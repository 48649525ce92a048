"""What is an abstract, what only stands in its place, and which of two is the fuller."""

import pytest

from papertune.collect.texts.is_abstract import (
    is_abstract,
    is_citation,
    is_cut,
    is_description,
    is_fuller,
    is_keywords,
)

TEXT = (
    "We ask whether a small model gains from reading the pages it is asked about. On three venues "
    "it does, and the gain survives a change of question writer by a wide margin in every case."
)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        # papers about what notices and walls are about
        "We use cookies to link visits of a website. In this paper we measure how browsers and their "
        "settings change what such cookies can tell, on ten thousand sites and over three years.",
        "Loading of proteins into cells is hard, and so we describe a channel that does it well.",
        "Access to health care is uneven, and we show where and why it is and what to do about it.",
        "Na+ channels open within a millisecond, faster than any known model of the time predicts.",
        "Find the shortest path between two nodes: a problem that has been solved many times before.",
        "Search engines rank pages. We show that they rank old pages higher than new ones of equal use.",
        "Purchase decisions depend on price, brand and mood, in this order, as three studies suggest.",
        "Abstract unification is an operation of analysers of logic programs, and we make it faster.",
        "Highlighting text helps readers. A study of 40 students shows by how much, and for whom.",
        "Verifying you own a key without showing it is the aim of proofs of knowledge. In this paper we "
        "present a proof that is a third shorter than those before and that needs no trusted setup, "
        "and we show how it behaves in a wallet on phones.",
        "Journal bearings carry shafts. The article presents a model of their wear at high speed.",
        "By using a browser as a sensor, we count the people in a room, to within two of them.",
        "We evaluate models of Smith et al. (2019), Wu et al. (2020) and others on data of 2018, 2019 "
        "and 2020, and find that none of them beats a line drawn by hand.",
        "The Web is a large database of facts, rumours, prices, recipes, songs, and much more. We study "
        "how a small model may tell the first from the second.",
        "Keyword search over graphs is slow. We index paths, prune early, and answer in milliseconds.",
        # other languages and scripts of science
        "Des calculs récents prévoient que le déplacement des noyaux n'est pas affecté par le soluté.",
    ],
)
def test_abstracts(text):
    assert is_abstract(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Too short.",
        # there is none
        "Abstract not available for this article at this time, sorry.",
        "An abstract is not available for this content so a preview has been provided.",
        "No abstract available. Please see the full text of the article instead of it.",
        "There is no abstract for this article. Click to read the full text of it.",
        "This article has no abstract but you may see the first page of it below here.",
        "In lieu of an abstract, here is a brief excerpt of the content: it begins so.",
        "Unavailable abstract of a paper" + " ",
        # pictures
        "First page of the PDF of this article is shown in place of its abstract below.",
        "The first page of this article is displayed as the abstract.",
        "Click to increase image size Click to decrease image size of this first page",
        "Download: Download high-res image (212KB) Download: Download full-size image",
        "Graphical abstract Unlabelled Image of a thing that is shown to the reader here.",
        "Highlights • A model that reads pages. • It answers questions. • It is small.",
        "• We present a model that reads pages. • It answers questions on them. • It is small.",
        # shops and doors
        "This is a preview of subscription content, log in via an institution to check access.",
        "You do not currently have access to this content. Sign in or buy it to go on reading.",
        "Get access to the full version of this article. View access options below, please.",
        "To read this article in full you will need to make a payment or to log in with us.",
        # walls and banners
        "Just a moment... Please enable JavaScript and cookies to continue to the page you want.",
        "Verifying you are human. This may take a few seconds. The site needs to review it.",
        "Checking your browser before accessing the site. This process is automatic for you.",
        "Our systems have detected unusual traffic from your computer network. Please try later.",
        "Access Denied. You don't have permission to access this page on this server here.",
        "We use cookies to distinguish you from other users and to provide you with a better "
        "experience on our websites. Close this message to accept cookies or find out more.",
        "This website uses cookies to ensure you get the best experience. By continuing to browse "
        "this site you agree to our use of cookies.",
        "By continuing to use this site, you agree to our use of cookies as the policy says.",
        # about the journal
        "The Journal of Things is a peer-reviewed, open access journal that appears four times a year.",
        "Things and Matters publishes original research articles on all aspects of things and matters.",
        "Welcome to the digital library of the association, with all that it has ever published.",
        "Founded long ago, the society is one of the leading publishers of papers on small models.",
        # how to cite it, what it is about
        "A. Author, B. Writer, A title of a paper, Journal of Things, vol. 12, no. 3, pp. 45-67, 2013.",
        "Author, A., Writer, B.: A title. In: Proceedings of the Tenth Conference. pp. 1–12 (2021)",
        "(2013). A title of a paper. Journal of Things: Vol. 111, Special Issue, pp. 1092-1099.",
        "@inproceedings{author2013, title = {A title of a paper}, year = {2013}, pages = {1--9}}",
        "Keywords: language models; question answering; fine-tuning; evaluation; corpora; years",
        "Language models, question answering, fine-tuning, evaluation, corpora, small things",
        "Index Terms—Language models, question answering, fine-tuning, evaluation of both.",
        # somebody else's page
        "Request PDF | A Title of a Paper | On Jan 1, 2020, Anna Author published A Title",
        'Semantic Scholar extracted view of "A Title of a Paper" by Anna Author et al.',
    ],
)
def test_what_is_no_abstract(text):
    assert not is_abstract(text)


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        (TEXT[:150] + "…", True),
        (TEXT[:150] + "...", True),
        (TEXT[:150] + " [...]", True),
        (TEXT[:150] + "… Read more", True),
        (TEXT[:150] + "... (more)", True),
        (TEXT[:150] + " Show more", True),
        (TEXT[:150] + " . . .", True),
        (TEXT[:150], True),
        ("…" + TEXT, True),
        (TEXT * 3 + " It is the", True),
        (TEXT * 3 + " One thing,", True),
        (TEXT * 3 + " (Abstract truncated at 2000 words)", True),
        (TEXT, False),
        (TEXT + " (Funded by nobody.)", False),
        (TEXT + " It is “so.”", False),
        (TEXT * 3 + " See https://things.example/code", False),
        (TEXT * 3 + " It takes $O(n)$", False),
        (TEXT + " Is it so?", False),
        (TEXT + " It is so.1", False),
    ],
)
def test_what_is_cut_and_what_is_whole(text, cut):
    assert is_cut(text) == cut


def test_the_fuller_goes_on_where_the_other_ends():
    one, two = TEXT.split(". ", 1)
    assert is_fuller(TEXT, one + ".")
    assert is_fuller(TEXT, TEXT[:100] + "…")
    assert is_fuller(TEXT, TEXT[:101] + "...")  # half a word
    assert is_fuller(TEXT.replace("it does", "it  does"), TEXT[:120])
    assert not is_fuller(TEXT, TEXT)
    assert not is_fuller(one + ".", TEXT)
    assert not is_fuller(two, one)
    assert not is_fuller(TEXT, "")
    for tail in ("Keywords: one, two, three and four", "© 2020 The Authors. All rights reserved."):
        assert not is_fuller(f"{TEXT} {tail}", TEXT)


def test_a_description_must_be_an_abstract_beyond_doubt():
    assert is_description(TEXT)
    assert not is_description(TEXT[:100] + ".")
    assert not is_description(TEXT + " Sign in to read the full text.")
    assert not is_description(TEXT[:-1])


def test_lists_and_citations_alone():
    assert is_keywords("one thing · two things · three things · four · five")
    assert not is_keywords(TEXT)
    assert not is_citation(TEXT)
    assert not is_citation("In 2013, 12 of 45 models, pp. aside, answered well.")
