"""The transformers backend on tiny random models."""

import re

import pytest

from papertune.answering import decoding, generation
from papertune.answering.generation import Sampling
from papertune.errors import GeneratorError
from papertune.examples.prompts import Prompts
from papertune.generators import transformers_backend
from papertune.generators.backends import Request, decoding_of, open_backend
from papertune.models.loading import load_model, load_tokenizer
from papertune.records import Document
from papertune.study.prompts import Prompt
from papertune.study.settings import Decoding, TransformersGenerator
from tiny_models import make_model


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def folder(request, tmp_path_factory):
    return make_model(
        tmp_path_factory.mktemp(request.param), family=request.param, chat=request.param == "llama"
    )


def settings(batch_size=4, **decoding):
    return TransformersGenerator(
        backend="transformers",
        model="tiny",
        prompt="p.txt",
        batch_size=batch_size,
        decoding=Decoding(**{"max_new_tokens": 10, **decoding}),
    )


def requests(count=11, attempt=1):
    document, text = Document("0", "t", "u", 2020, "x"), "what does it save "
    return [
        Request(str(n), document, Prompt(text * (1 + n % 4) + str(n), {}), attempt)
        for n in range(count)
    ]


def written(folder, items, **how):
    backend = open_backend(settings(**how), folder=folder, threads=1)
    return list(backend.write(items))


def texts(batches):
    return {one.request.key: one.text for batch in batches for one in batch}


@pytest.mark.parametrize("decoding", [{}, {"temperature": 0.9, "top_p": 0.9}])
def test_batches_write_what_one_at_a_time_writes(folder, decoding):
    batched = written(folder, requests(), **decoding)
    assert [len(batch) for batch in batched] == [4, 4, 3]
    lengths = [[len(str(one.request.prompt)) for one in batch] for batch in batched]
    assert min(lengths[0]) >= max(lengths[-1])
    single = written(folder, requests(), batch_size=1, **decoding)
    assert len(single) == 11
    assert texts(batched) == texts(single)
    assert len(set(texts(single).values())) > 5
    if not decoding:  # a random model never ends by itself in ten tokens
        assert all(one.cut for batch in batched for one in batch)


def test_what_requests_share_is_read_once(folder):
    """The examples of a prompt for all documents, and a document's text for all that is asked of it."""
    asked = [
        Request(
            f"{d}/{q}", Document(str(d), "t", "u", 2020, "x"),
            Prompt("save " * 20 + ("cache ", "miss ")[d] * 20 + "what " * (4 * d + q), {}),
        )
        for q in range(1, 4)
        for d in range(2)
    ]  # fmt: skip
    backend = open_backend(settings(batch_size=3, max_new_tokens=2), folder=folder, threads=1)
    batches = list(backend.write(asked))
    about = [{one.request.document.id for one in batch} for batch in batches]
    assert sorted(map(len, batches)) == [3, 3] and max(map(len, about)) == 1
    counted = []
    backend._model.get_input_embeddings().register_forward_pre_hook(
        lambda _, arguments: counted.append(arguments[0].numel())
    )
    backend.settings, backend._size = settings(batch_size=6, max_new_tokens=2), None
    assert texts(backend.write(asked)) == texts(batches)
    read = [len(tokens) for tokens in backend._prompts([one.prompt for one in asked])]
    assert sum(counted) < 0.5 * sum(read)


def test_a_second_attempt_and_a_seed_where_it_samples_write_something_else(folder):
    first, seeded, again, hot, other = (
        texts(written(folder, requests(4, attempt), **how))
        for attempt, how in [
            (1, {}), (1, {"seed": 5}), (2, {}), (1, {"temperature": 1.0}),
            (1, {"temperature": 1.0, "seed": 2}),
        ]
    )  # fmt: skip
    assert first == seeded != again and hot != other
    assert decoding_of(Decoding(), 2) == Decoding(temperature=0.7, seed=2)


def test_a_long_document_loses_its_end_and_one_without_room_is_rejected(folder, caplog):
    items = requests(5)
    for key, text, title in (
        (1, "", "energy " * 500), (2, "energy " * 500, "t"), (3, "energy " * 501 + "red", "t"),
    ):  # fmt: skip
        prompt = Prompt("read $title: $text what is it", {"title": title, "text": text})
        items[key] = Request(str(key), items[key].document, prompt)
    found = {one.request.key: one for batch in written(folder, items) for one in batch}
    assert "too long" in found["1"].error and found["1"].lasting
    assert found["2"].text == found["3"].text and found["0"].text and found["4"].text
    assert "2 documents lose their end: the context allows prompts of 118" in caplog.text


def test_the_chat_template_is_used_where_there_is_one(tmp_path):
    with_chat = load_tokenizer(make_model(tmp_path / "chat", chat=True))
    (tokens,) = Prompts(with_chat, chat=True)([Prompt("what is it", {})])
    assert with_chat.decode(tokens) == "<user>what is it</user><model>"
    plain = load_tokenizer(make_model(tmp_path / "plain"))
    (tokens,) = Prompts(plain, chat=False)([Prompt("what is it", {})])
    assert plain.decode(tokens) == "what is it"


def test_nothing_is_loaded_before_the_first_request(tmp_path):
    assert written(tmp_path / "none", []) == []
    with pytest.raises(GeneratorError, match="no folder was given"):
        written(None, [])


def test_the_batches_of_a_resumed_run_are_those_of_an_unbroken_one(folder, monkeypatch):
    monkeypatch.setattr(transformers_backend, "WINDOW", 2)  # of two batches of two
    items = {item.key: item for item in requests(11)}
    items["5"] = Request(
        "5", items["5"].document, Prompt("energy " * 500, {})
    )  # a batch of its own
    backend = open_backend(settings(batch_size=2), folder=folder, threads=1)
    whole = list(backend.cut(items.values(), items))
    assert sorted((key for batch in whole for key in batch), key=int) == list(items)
    assert ["5"] in whole and max(map(len, whole)) == 2
    wanted = {"1", "5", "8", "9", "10"}
    left = [[key for key in batch if key in wanted] for batch in whole]
    assert list(backend.cut(items.values(), wanted)) == [batch for batch in left if batch]
    # they are written as they are cut
    for some in (items, *whole):
        written = backend.write(items[key] for key in some)
        found = [[one.request.key for one in batch] for batch in written]
        assert found == (whole if some is items else [some])


def test_what_is_written_ends_before_the_first_text_of_stop(folder):
    how = {"max_new_tokens": 40}
    free = texts(written(folder, requests(), **how))
    for stop in ([free["3"][10:13], free["5"][4:6]], ["nowhere to be found"], [free["0"][:2]]):
        for size in (1, 4):
            for batch in written(folder, requests(), batch_size=size, stop=stop, **how):
                for one in batch:
                    whole = free[one.request.key]
                    assert one.text == decoding.before_any(whole, stop)
                    assert one.cut == (one.text == whole)


def test_a_row_ends_where_its_text_does(folder):
    """Rows that met their text are no longer written, so the batch ends with the last of them."""
    model, tokenizer = load_model(folder), load_tokenizer(folder)
    rows = [(one.key, tokenizer(str(one.prompt))["input_ids"]) for one in requests(4)]
    whole = generation.generate(model, tokenizer, rows, Sampling(40))
    stop = [re.search("[ -~]{2}", one.text[4:])[0] for one in whole]
    found = generation.generate(model, tokenizer, rows, Sampling(40, stop=stop))
    assert max(one.new_tokens for one in found) < 40 and not any(one.truncated for one in found)


def test_a_penalty_is_of_what_was_written_and_not_of_the_prompt(folder):
    free, strict = (
        texts(written(folder, requests(4), max_new_tokens=60, repetition_penalty=penalty))
        for penalty in (1.0, 5.0)
    )
    first = {key: (free[key][:1], strict[key][:1]) for key in free}
    assert all(one == other for one, other in first.values())  # the prompt's tokens cost nothing
    tokenizer = load_tokenizer(folder)

    def kinds(texts):
        return sum(len({*tokenizer(text)["input_ids"]}) for text in texts.values())

    assert kinds(strict) > 1.3 * kinds(free)
