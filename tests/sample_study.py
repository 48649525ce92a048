"""The files of a small invented study, scored by the real functions.

Models "answer" by drawing from right, half-right and wrong answers, so that tables, figures and
the page have something to show without any training.
"""

import json
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from papertune.answering.probes import gather_probes
from papertune.collect.identifiers import document_id
from papertune.collect.sampling import not_sampled
from papertune.demo.papers import Paper, papers
from papertune.pairfile import read_pairs, write_pairs
from papertune.records import Answer, Document, Pair, Rejection, Suspect, pair_id, write_records
from papertune.report.cost import cost_table, jobs_of
from papertune.report.counts import count_stages
from papertune.report.figures import draw_figures
from papertune.report.leakage import write_leakage
from papertune.report.page import write_page
from papertune.report.table import write_table
from papertune.scores.comparing import compare
from papertune.scores.scoring import score_answers
from papertune.study.design import Design
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout
from papertune.study.probes import probe_sets
from papertune.study.splits import split_of

SETTINGS = {
    "title": "The demo venue",
    "question": "Does fine-tuning a small model on the venue's papers of 2005–2021 make it better "
    "at questions about those of 2022–2024, also when another generator wrote the questions?",
    "source": {"kind": "demo"},
    "splits": {"train": {"from": 2005, "to": 2021}, "test": {"from": 2022, "to": 2024}},
    "generators": {
        "extractive": {"backend": "rules", "style": "extractive", "label": "Extractive rules"},
        "cloze": {"backend": "rules", "style": "cloze", "label": "Cloze rules"},
    },
    "bases": {"small": {"pretrain": {}}},
    "models": {
        "baseline": {"base": "small", "method": "baseline", "label": "Base, untuned"},
        "full": {"base": "small", "method": "full", "label": "Full fine-tuning"},
        "lora": {"base": "small", "method": "lora", "label": "LoRA"},
    },
    "seeds": [1, 2],
    "published": [
        {
            **{"title": "Similarity by year", "source": "an earlier report"},
            **{"metric": "token_f1", "test_set": "extractive"},
            "values": {"baseline": {"2022": 0.0846}, "full": {"2022": 0.6882, "all": 0.7123}},
        }
    ],
}
# model → chance of a right answer to each test set
SKILL = {
    "baseline": {"extractive": 0.02, "cloze": 0.02},
    "full": {"extractive": 0.8, "cloze": 0.12},
    "lora": {"extractive": 0.62, "cloze": 0.03},
}
# fact of a paper → what is asked about it
QUESTIONS = {"kind": "What is it", "gain": "By how much", "simulator": "Which simulator was used"}


@dataclass(frozen=True)
class Study:
    """An experiment, and where everything of it lies."""

    layout: Layout

    @property
    def experiment(self) -> Experiment:
        return self.layout.experiment

    @property
    def tables(self) -> Path:
        return Path(self.layout.root, "tables")

    @property
    def drawn_from(self) -> dict[str, Path]:
        """What figures are made from."""
        return {name: self.tables / f"{name}.csv" for name in ("matrix", "counts")}

    @property
    def made_from(self) -> dict[str, Path]:
        """What tables and the page are made from."""
        return {name: self.tables / f"{name}.csv" for name in ("matrix", "writers", "counts")}


def write_report(study: Study, output: Path, **more) -> str:
    """The page of a study, with its figures drawn anew."""
    figures = output.with_name("figures")
    draw_figures(study.layout, figures, **study.drawn_from)
    cost = study.tables / "cost.json"
    more = {"store": output.parent / "store"} | more
    write_page(study.layout, output, **study.made_from, cost=cost, figures=figures, **more)
    return output.read_text(encoding="utf-8")


def make_study(
    folder: Path, *, metrics: list[str], hostile: str = "", per_year: int = 12, **more: Any
) -> Study:
    """A study with ``more`` settings; ``hostile`` is put into every title, question, answer, label."""
    values = json.loads(json.dumps(SETTINGS | more))
    values |= {"metrics": metrics, "comparison": {"metric": metrics[0]}}
    values["title"] += hostile
    values["question"] += hostile
    values["models"]["full"]["label"] += hostile
    values["generators"]["cloze"]["label"] += hostile
    study = Study(Layout("demo", Experiment.model_validate(values), results=str(folder)))
    layout, draw = study.layout, random.Random(7)
    kept = [
        paper for year in study.experiment.years for paper in _year(layout, year, per_year, hostile)
    ]
    for path in layout.left_out().values():
        write_records(path, [])
    for generator, split in layout.generated:
        _pairs(layout, generator, split, kept, hostile)
    for cell in layout.by_cell("answers"):
        _answers(layout, cell, draw, hostile)
    for name, path in layout.probes().items():
        picked = {probe: Path(file) for probe, file in layout.picked(name).items()}
        how = {"instruction": study.experiment.instruction, "picked": picked}
        gather_probes(probe_sets(study.experiment)[name], **how, output=Path(path))
    for cell in layout.of_probes("answers"):
        _answers(layout, cell, draw, hostile)
    for (model, seed), path in layout.models().items():
        _model(Path(path), model == "full", seed, draw)
    study.tables.mkdir()
    to = {"matrix": study.made_from["matrix"], "writers": study.tables / "writers.csv"}
    to["spread"] = study.tables / "spread.csv"
    compare(layout.by_cell("scores"), Design.of(study.experiment), **to)
    _leakage(layout, hostile)
    write_leakage(layout, study.tables, matrix=study.made_from["matrix"])
    count_stages(layout, study.made_from["counts"])
    write_table(study.tables / "cost", cost_table([], {}, jobs_of(layout)))
    return study


def _leakage(layout: Layout, hostile: str) -> None:
    """One document that tests is suspicious."""
    pair = next(read_pairs(layout.by_split("datasets")["cloze", "test"]))
    suspect = Suspect(pair.document, "shared_13_grams", 0.25, f"As “Tern”{hostile}")
    write_records(layout.leakage("suspects.jsonl"), [suspect])
    design, without = Design.of(layout.experiment), {suspect.document}
    matrix = layout.leakage("matrix.csv")
    compare(layout.by_cell("scores"), design, matrix=matrix, without=without)


def _year(layout: Layout, year: int, count: int, hostile: str) -> list[tuple[Document, Paper]]:
    """Documents of a year and what they are about; in some years the last one has no text."""
    listed, kept, missing = [], [], []
    for number, paper in enumerate(papers(year, count, 1)):
        url = f"https://venue.example/{paper.key}"
        if hostile and number == 0:
            url = f"javascript:window.pwned={year}"
        item = Document(document_id(url), paper.title + hostile, url, year)
        listed.append(item)
        if number == count - 1 and year % 4 == 0:
            reason = "needs_browser" if year % 8 else "http_404"
            said = "no chromium here; apt-get install chromium"
            missing.append(Rejection("collect", item.id, reason, f"{item.title} – {url} – {said}"))
            continue
        how = ("meta:citation_abstract", "section", "script", "browser:section")[number % 4]
        kept.append((replace(item, text=paper.abstract + hostile, found_by=how), paper))
    if year % 4 == 1:
        url = f"https://venue.example/{year}/more"
        listed.append(Document(document_id(url), "One more", url, year))
        missing.append(not_sampled(listed[-1]))
    front = [Rejection("list", f"{year}-0", "front_matter", "Welcome from the chairs")]
    files = {"listings": listed, "rejected/listings": front, "missing": missing}
    for stage, records in (files | {"documents": [document for document, _ in kept]}).items():
        write_records(layout.by_year(stage)[year], records)
    return kept


def _pairs(
    layout: Layout, generator: str, split: str, kept: list[tuple[Document, Paper]], hostile: str
) -> None:
    pairs, rejected = [], []
    for document, paper in kept:
        if split_of(document, layout.experiment.splits) != split:
            continue
        for fact, question in QUESTIONS.items():
            answer, asked = paper.facts[fact], f"{question} in {document.title}?"
            if generator == "cloze":
                asked = f"Fill the gap: {document.text.replace(answer, '____', 1)}"
            about = (document.id, document.year, layout.experiment.instruction, document.text)
            made = (asked, answer + hostile, generator)
            pairs.append(Pair(pair_id(document.id, asked, answer), *about, *made))
        if len(pairs) % 5 == 0:
            said = ("synthesize", document.id, "ungrounded", f"It is{hostile}")
            rejected.append(Rejection(*said))
    write_pairs(layout.by_split("datasets")[generator, split], pairs)
    write_records(layout.by_split("rejected/pairs")[generator, split], rejected)


def _answers(layout: Layout, cell: tuple[str, int, str], draw: random.Random, hostile: str) -> None:
    model, _, test_set = cell
    answers = []
    for pair in read_pairs(layout.test_set(test_set)):
        right = draw.random() < SKILL[model].get(test_set, 0.5)
        text = pair.answer if right else "a cache of the suite"
        nll = draw.uniform(0.1, 1) if right else draw.uniform(3, 9)
        about = (pair.id, pair.document, pair.year, pair.question, pair.answer, text + hostile)
        answers.append(Answer(*about, nll, 3, len(text.split()), draw.random() < 0.05))
    of = layout.of_probes if test_set in layout.probes() else layout.by_cell
    path, study = of("answers")[cell], layout.experiment
    write_records(path, answers)
    output = of("scores")[cell]
    score_answers(path, output, study.scored, study.scoring_embedders, Path(layout.root))


def _model(folder: Path, full: bool, seed: int, draw: random.Random) -> None:
    folder.mkdir(parents=True)
    facts = {
        "trainable_parameters": 188_224 if full else 36_864, "total_parameters": 188_224,
        "steps": 230, "tokens_seen": 254_310 + seed, "wall_seconds": 31 + draw.random() * 3,
        "tokens_per_second": 8203.2, "peak_memory_bytes": 612_400_000, "device": "cpu",
        "best_validation_loss": 0.51, "best_step": 207, "final_training_loss": 0.44,
        "versions": {"torch": "2.13.0"},
    }  # fmt: skip
    (folder / "training.json").write_text(json.dumps(facts))
    lines = ["step,epoch,train_loss,validation_loss"]
    for step in range(10, 231, 10):
        loss = (0.4 if full else 0.7) + 3 * 0.985**step + draw.random() * 0.1
        every = f"{loss + 0.1:.3f}" if step % 20 == 0 else ""
        lines.append(f"{step},{step / 77},{loss:.3f},{every}")
    (folder / "history.csv").write_text("\n".join(lines))
