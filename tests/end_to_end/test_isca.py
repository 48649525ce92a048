"""The isca experiment as it stands in its file, with everything big made small.

The venue's pages come from a server on loopback, the models of the Hub are tiny ones put where
download_base would put them. The file's own settings, generators, prompts, test years, methods and
published figures are untouched; the source's address, the first year to train on, the share of
validation and the numbers of epochs and seeds change.
"""

import csv
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from loopback import serving
from papertune.demo.papers import Paper, papers
from papertune.demo.venue import contents, landing
from papertune.pairfile import read_pairs
from papertune.report.counts import read_counts, total
from papertune.study.prompts import GENERATOR_FIELDS, fill, read_template
from papertune.study.settings import Architecture, Corpus, Pretraining, Tokenizer, Training
from snakemake_run import ROOT, snakemake
from tiny_models import make_model

pytestmark = pytest.mark.slow

PER_YEAR = 3
YEARS = range(2019, 2025)
SEEDS = [1]
# It is part of the urls, by which papers are dealt to training and validation, so it is always the
# same one: below the range that the kernel hands out
PORT = 18101
QUESTIONS = {"gemma": "What does the system change?", "mistral": "What is it evaluated on?"}


def listed(year: int) -> list[Paper]:
    return papers(year, PER_YEAR, seed=5)


@contextmanager
def venue(years: range) -> Iterator[str]:
    """Tables of contents and landing pages of a few papers a year; yields the server's url."""
    how = {"Content_Type": "text/html; charset=utf-8"}
    with serving(port=PORT) as site:
        for year in years:
            volume = contents(listed(year), year, f"127.0.0.1:{PORT}")
            site.page(f"/db/conf/isca/isca{year}.html", volume, **how)
            for number, paper in enumerate(listed(year)):
                # a browser is started for every year that needs one: a few are enough
                plain = ("meta", "section")[number % 2]
                kind = "script" if number == 0 and year % 5 == 0 else plain
                site.page(paper.path, landing(paper, kind), **how)
        yield site.url()


def make_generator(folder: Path, question: str, prompt: str, scratch: Path) -> None:
    """A tiny model that has learned one thing: to answer its prompt with pairs in JSON.

    Whether a seed gives a model that is sure of it depends on the processor's arithmetic; one that
    is not is made anew with the next seed.
    """
    from papertune.training.pretraining import pretrain

    # words that stand in every abstract, so that its answers are grounded there
    reply = json.dumps([{"question": question, "answer": "the loss of such machines"}])
    template = read_template(ROOT / prompt, GENERATOR_FIELDS)

    def asked(paper: Paper) -> str:
        return fill(template, {"title": paper.title, "text": paper.abstract, "pairs": 3})

    corpus = scratch / "corpus.jsonl"
    lines = [{"prompt": asked(paper), "completion": reply} for paper in papers(2005, 40, seed=9)]
    corpus.write_text("".join(json.dumps(line) + "\n" for line in lines))
    prompts = [asked(paper) for year in YEARS for paper in listed(year)]
    for seed in range(1, 9):
        pretrain(
            Pretraining(
                tokenizer=Tokenizer(vocabulary=1200),
                architecture=Architecture(width=32, layers=1, intermediate=64, context=2048),
                corpus=Corpus(documents="none", files=[str(corpus)]),
                training=Training(epochs=20, learning_rate=1e-2, max_length=1500, evaluations=1),
                seed=seed,
            ),
            documents=[],
            output=folder,
            checkpoints=scratch / "checkpoints",
            threads=2,
        )
        if all(answer.startswith(reply) for answer in continuations(folder, prompts)):
            return
    raise AssertionError(f"eight seeds, and no model that always answers {reply}")


def continuations(folder: Path, prompts: list[str]) -> Iterator[str]:
    """What the model in ``folder`` writes after each prompt."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = (
        made.from_pretrained(folder) for made in (AutoModelForCausalLM, AutoTokenizer)
    )
    for prompt in prompts:
        asked = tokenizer(prompt, return_tensors="pt")
        written = model.generate(**asked, max_new_tokens=64, do_sample=False)
        yield tokenizer.decode(written[0, asked["input_ids"].shape[1] :]).strip()


@pytest.fixture(scope="module")
def isca(tmp_path_factory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("isca")
    values = yaml.safe_load((ROOT / "config/experiments/isca.yaml").read_text())
    models = folder / "resources/models"
    for name, generator in values["generators"].items():
        place = models / generator["model"].replace("/", "--") / generator["revision"]
        place.parent.mkdir(parents=True)
        make_generator(place, QUESTIONS[name], generator["prompt"], tmp_path_factory.mktemp(name))
    base = values["bases"]["gpt2"]
    make_model(
        models / base["hub"].replace("/", "--") / base["revision"], family="gpt2", context=1024
    )
    with venue(YEARS) as address:
        values["source"]["url"] = values["source"]["url"].replace("https://dblp.org", address)
        values["fetching"].update(delay=0, allow_hosts=["127.0.0.1"])
        values["training"].update(epochs=1, evaluations=2)
        values["splits"]["train"]["from"] = YEARS.start
        values["splits"]["validation"] = 0.3  # a tenth of nine papers may be none
        values["seeds"] = SEEDS
        path = folder / "isca.yaml"
        path.write_text(yaml.safe_dump(values))
        snakemake(folder, "--config", f"experiments={path}", "--resources", "web=1", "gpu=1")
    yield folder
    shutil.rmtree(folder)


def test_every_paper_is_accounted_for(isca):
    rows = read_counts(isca / "results/isca/tables/counts.csv")
    assert total(rows, "list", outcome="kept") == len(YEARS) * PER_YEAR
    texts = total(rows, "collect", outcome="kept")
    assert texts + total(rows, "collect", outcome="rejected") == len(YEARS) * PER_YEAR
    assert texts > 0


def test_both_generators_wrote_pairs_with_their_prompts_and_revisions(isca):
    folder = isca / "results/isca/datasets"
    made = {name: list(read_pairs(folder / name / "test.parquet")) for name in QUESTIONS}
    for name, pairs in made.items():
        assert {pair.question for pair in pairs} == {QUESTIONS[name]}
        assert {pair.year for pair in pairs} <= {2022, 2023, 2024}
        for pair in pairs:
            assert pair.instruction == "Read the abstract and answer the question"
            assert len(pair.provenance["revision"]) == 40
    prompts = {pair.provenance["prompt"] for pairs in made.values() for pair in pairs}
    assert len(prompts) == 2


def test_the_report_shows_measured_beside_published_by_year(isca):
    with (isca / "results/isca/tables/published.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2 * 3 * 4  # test sets × models × (three years and all)
    by_key = {(row["Table"], row["Model"], row["Year"]): row for row in rows}
    row = by_key["Similarity by year, questions by Mistral", "GPT-2, LoRA", "2023"]
    assert row["Published"] == "0.628"
    assert row["Measured"] not in ("", "–")
    page = (isca / "results/isca/report.html").read_text()
    assert "Mistral-7B-Instruct" in page and "0.628" in page


def test_every_seed_of_every_method_was_trained_offline(isca):
    for method in ("full", "lora"):
        for seed in SEEDS:
            folder = isca / f"results/isca/models/{method}/seed-{seed}"
            facts = json.loads((folder / "training.json").read_text())
            assert facts["seed"] == seed and facts["steps"] > 0
