"""A post with a code block keeps its indentation through all stages."""

from xml.sax.saxutils import escape, quoteattr

import pytest

from papertune.collect.listings import by_year
from papertune.collect.listings.stack_dump import list_documents
from papertune.collect.listings.stack_exchange import _pair
from papertune.collect.texts.posts import clean_post
from papertune.collect.web.session import PoliteSession
from papertune.examples.forms import Form
from papertune.generators.checking import judge
from papertune.models.loading import load_tokenizer
from papertune.pairfile import read_pairs, write_pairs
from papertune.records import Document, Pair
from papertune.sentences import edged
from papertune.study.settings import Fetching, SourceGenerator
from papertune.study.settings.listings import FilesSource
from papertune.study.settings.qa import PairsSource, StackDumpSource, StackExchangeSource
from tiny_models import make_model

CODE = "def first(xs):\n    for x in xs:\n        if x > 0:\n            return x  # it\n\n    return None"
COMPLETION = "    total = 0\n    for x in xs:\n        total += x\n    return total"
BODY = (
    f"<p>Do  this:</p>\n\n<pre><code>{escape(CODE)}\n</code></pre>\n\n<p>Mail me@x.org. Thanks!</p>"
)
TEXT = f"Do this:\n{CODE}\nMail."


def test_a_posts_code_is_kept_removed_or_reason_to_reject_it(written, tmp_path):
    assert clean_post(BODY, code=True) == TEXT
    assert clean_post(BODY) == "Do this:\nMail."
    indented = "<p>a</p><pre>\n    return 1\n</pre><ul><li><pre>\tx\n\t\ty</pre></li></ul>"
    assert clean_post(indented, code=True) == "a\n    return 1\n- \tx\n\t\ty"
    common = 'CreationDate="2012-05-06T07:08:09" Score="5"'
    rows = (
        f'<row Id="1" PostTypeId="1" Title="How?" {common} Body={quoteattr(BODY)} Tags=""/>'
        f'<row Id="2" PostTypeId="2" ParentId="1" {common} Body={quoteattr(BODY)}/>'
    )
    path = written(f"<posts>{rows}</posts>".encode(), "Posts.xml")
    post = {"question_id": 1, "title": "How?", "body": BODY, "score": 5}
    answer = {"answer_id": 2, "body": BODY, "score": 5}
    with PoliteSession(Fetching(), tmp_path / "cache") as session:
        dump = StackDumpSource(kind="stack_dump", path=path, site="stackoverflow", code="keep")
        [dumped] = list_documents(session, dump, 2012)
        api = StackExchangeSource(kind="stack_exchange", site="stackoverflow", code="keep")
        asked = _pair(session, api, post, [answer], 2012)
    assert dumped == asked
    assert isinstance(asked, Document)
    assert (asked.text, asked.question) == (TEXT, f"How?\n{TEXT}")


@pytest.mark.parametrize("code", [CODE, COMPLETION])
@pytest.mark.parametrize("kind", ["json", "jsonl", "csv"])
def test_tables_keep_code_up_to_the_dataset(code, kind, written, tmp_path):
    row = {"question": f"Complete:\n{code}", "answer": f"{code}\n", "year": 2020}
    row |= {"title": "T", "paper_url": "https://x.example/1", "abstract": f"{code}\n"}
    path = written([row], f"p.{kind}")
    columns = {"question": "question", "answer": "answer", "year": "year"}
    [document] = by_year.items(PairsSource(kind="pairs", path=path, columns=columns), 2020)
    [paper] = by_year.items(FilesSource(kind="files", path=path), 2020)
    assert (document.text, document.question) == (code, f"Complete:\n{code}")
    assert paper.text == code
    assert document.title.startswith("Complete:") and "\n" not in document.title

    generator = SourceGenerator(backend="source")
    found = judge(generator, {"pairs": [(document.question, document.text)]}, document)
    [(question, answer)] = found["kept"]
    pair = Pair("1", document.id, 2020, "", "", question, answer, "human", {})
    write_pairs(tmp_path / "p.parquet", [pair])
    assert list(read_pairs(tmp_path / "p.parquet")) == [pair]
    assert pair.answer == code


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    made = load_tokenizer(make_model(tmp_path_factory.mktemp("model")))
    turn = "{{ '<' + m['role'] + '>' + m['content'] | trim + '</>' }}"
    asks = "{% if add_generation_prompt %}<assistant>{% endif %}"
    made.chat_template = f"{{% for m in messages %}}{turn}{{% endfor %}}{asks}"
    return made


@pytest.mark.parametrize("code", [CODE, COMPLETION])
def test_an_answer_is_read_as_it_was_to_be_written(code, tokenizer):
    for asked in ("prompt", "question", "chat"):
        form = Form(tokenizer, asked, "$context\n$question\nAnswer:")
        pair = Pair("1", "d", 2020, "", code, f"Complete:\n{code}", code, "human", {})
        [(prompt, target)] = form.tokens([pair])
        assert f"Complete:\n{code}" in form.tokenizer.decode(prompt)
        written = form.tokenizer.decode(target)
        assert edged(f"{written}\n".removeprefix(form.lead)) == code
