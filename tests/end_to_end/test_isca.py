"""The isca experiment as its file describes it, with everything big made small.

The venue's pages come from a server on loopback, the models of the Hub are tiny ones put where
download_base would put them. The file's own settings, generators, prompts, test years, methods and
published figures are untouched; the source's address, the first year to train on, the share of
validation and the numbers of epochs and seeds change.
"""

import csv
import json
from pathlib import Path

import pytest
import yaml

from end_to_end.venue import show
from loopback import serving
from papertune.demo.papers import Paper, papers
from papertune.pairfile import read_pairs
from papertune.report.counts import read_counts, total
from papertune.study.prompts import GENERATOR_FIELDS, fill, read_template
from papertune.study.settings import Architecture, Corpus, Pretraining, Tokenizer, Training
from snakemake_run import ROOT, snakemake
from tiny_models import make_model

pytestmark = pytest.mark.slow

YEARS = {year: papers(year, 3, seed=5) for year in range(2019, 2025)}
# It is part of the urls, by which papers are dealt to training and validation, so it is always the
# same one: below the range that the kernel hands out
PORT = 18101
QUESTIONS = {"gemma": "What does the system change?", "mistral": "What is it evaluated on?"}


def make_generator(folder: Path, question: str, prompt: str, scratch: Path) -> None:
    """A tiny model that has learned one thing: to answer its prompt with pairs in JSON.

    Whether a seed gives a model that is sure of it depends on the processor's arithmetic; one that
    is not is made anew with the next seed.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from papertune.training.pretraining import pretrain

    # words that stand in every abstract, so that its answers are grounded there
    reply = json.dumps([{"question": question, "answer": "the loss of such machines"}])
    template = read_template(ROOT / prompt, GENERATOR_FIELDS)

    def asked(paper: Paper) -> str:
        return fill(template, {"title": paper.title, "text": paper.abstract, "pairs": 3})

    corpus = scratch / "corpus.jsonl"
    lines = [{"prompt": asked(paper), "completion": reply} for paper in papers(2005, 40, seed=9)]
    corpus.write_text("".join(json.dumps(line) + "\n" for line in lines))
    how = Pretraining(
        tokenizer=Tokenizer(vocabulary=1200),
        architecture=Architecture(width=32, layers=1, intermediate=64, context=2048),
        corpus=Corpus(documents="none"),
        training=Training(epochs=20, learning_rate=1e-2, max_length=1500, evaluations=1),
    )
    places = {"output": folder, "checkpoints": scratch / "checkpoints"}
    texts = {"documents": [], "files": [corpus]}
    for seed in range(1, 9):
        pretrain(how.model_copy(update={"seed": seed}), **texts, **places, threads=2)
        model, tokenizer = (
            kind.from_pretrained(folder) for kind in (AutoModelForCausalLM, AutoTokenizer)
        )
        for paper in (paper for listed in YEARS.values() for paper in listed):
            given = tokenizer(asked(paper), return_tensors="pt")
            written = model.generate(**given, max_new_tokens=64, do_sample=False)[0]
            text = tokenizer.decode(written[given["input_ids"].shape[1] :])
            if not text.strip().startswith(reply):
                break
        else:
            return
    raise AssertionError(f"eight seeds, and no model that always answers {reply}")


def test_the_experiment_runs_offline_from_listing_to_report(tmp_path):
    values = yaml.safe_load((ROOT / "config/experiments/isca.yaml").read_text())
    models = tmp_path / "resources/models"
    for name, generator in values["generators"].items():
        place = models / generator["model"].replace("/", "--") / generator["revision"]
        place.parent.mkdir(parents=True)
        (tmp_path / name).mkdir()
        make_generator(place, QUESTIONS[name], generator["prompt"], tmp_path / name)
    base = values["bases"]["gpt2"]
    folder = models / base["hub"].replace("/", "--") / base["revision"]
    make_model(folder, family="gpt2", context=1024)
    with serving(port=PORT) as site:
        for year, listed in YEARS.items():
            # a browser is started for every year that needs one: a few are enough
            first = "script" if year % 5 == 0 else "meta"
            kinds = (first, "section", "meta")
            show(site, f"/db/conf/isca/isca{year}.html", listed, kinds.__getitem__)
        values["source"]["url"] = values["source"]["url"].replace("https://dblp.org", site.url())
        values["fetching"].update(delay=0, allow_hosts=["127.0.0.1"])
        values["training"].update(epochs=1, evaluations=2)
        values["splits"]["train"]["from"] = min(YEARS)
        values["splits"]["validation"] = 0.3  # a tenth of nine papers may be none
        values["seeds"] = [1]
        path = tmp_path / "isca.yaml"
        path.write_text(yaml.safe_dump(values))
        snakemake(tmp_path, "--config", f"experiments={path}", "--resources", "web=1", "gpu=1")
    results = tmp_path / "results/isca"

    # every paper is accounted for
    rows = read_counts(results / "tables/counts.csv")
    texts = total(rows, "collect", outcome="kept")
    listed = total(rows, "list", outcome="kept")
    assert listed == 18 == texts + total(rows, "collect", outcome="rejected") and texts > 0

    # both generators wrote pairs with their own prompts and revisions
    pairs = {
        name: list(read_pairs(results / "datasets" / name / "test.parquet")) for name in QUESTIONS
    }
    for name, question in QUESTIONS.items():
        assert {pair.question for pair in pairs[name]} == {question}
        assert {pair.instruction for pair in pairs[name]} == {values["instruction"]}
        assert all(len(pair.provenance["revision"]) == 40 for pair in pairs[name])
    assert len({pair.provenance["prompt"] for some in pairs.values() for pair in some}) == 2

    # every method was trained
    for method in ("full", "lora"):
        facts = json.loads((results / f"models/{method}/seed-1/training.json").read_text())
        assert facts["seed"] == 1 and facts["steps"] > 0

    # measured stands beside published, by year
    with (results / "tables/published.csv").open() as stream:
        rows = {(row["Table"], row["Model"], row["Year"]): row for row in csv.DictReader(stream)}
    assert len(rows) == 2 * 3 * 4  # test sets × models × (three years and all)
    row = rows["Similarity by year, questions by Mistral", "GPT-2, LoRA", "2023"]
    assert round(float(row["Published"]), 3) == 0.628 and row["Measured"] not in ("", "–")
    page = (results / "report.html").read_text()
    assert "Mistral-7B-Instruct" in page and "0.628" in page
