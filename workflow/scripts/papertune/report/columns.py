"""What each column of the tables' CSV means: the page README.md that lies beside them."""

from inspect import cleandoc
from pathlib import Path

from papertune.files import atomic_write
from papertune.report.counts import Count
from papertune.scores.matrix import Cell
from papertune.scores.power import Spread
from papertune.scores.writers import Contrast

INTRODUCTION = """\
# The tables of this study

Each table is here four times: `.csv` for programs and spreadsheets, `.md` to be pasted into Markdown, `.tex`
for LaTeX, and `.json`, which the report is made of.

In CSV a number is a number: with a point, ten digits at most, no marks, no commas between thousands; `inf` is
infinite. A cell is empty where there is no number, or where it is not known. Shares are between 0 and 1.
Text that a spreadsheet would reckon as a formula has an apostrophe before it. `…` in a name below stands for
a heading.

LaTeX says in its first line which packages it needs. A table that would not fit a page is several, with the
first columns in each; a cell of more than 400 characters is cut there, and nowhere else.
"""
BEHIND = {
    "… low": "lower end of the number’s interval; of a difference corrected as its p is",
    "… high": "its upper end",
    "… verdict": "`better` or `worse` than the baseline, corrected; empty where neither can be said",
    "… not read": "answers that the embedder could not read, or not their references; empty where none",
    "… note": "why nothing is claimed: `one run`, `few documents`, `infinite`; or what else is said",
    "… sd": "standard deviation between questions",
    "… own writer": "`yes` where the writer of the questions wrote the pairs that the model was trained on",
    "… (s)": "seconds, in the place of hours, minutes and seconds",
    "… (at least)": "`yes` where not all of it is known, so that it is at least that",
    "… #2": "the second column of the same name",
}
MODEL = {"Model": "the model’s label", "Held against": "label of its baseline, where these differ"}
SET = {"Test set": "label of the test set", **MODEL}
COUNTS = {"Documents": "documents that were tested with", "Seeds": "seeds of the model"}
WRITERS = {"Trained on": "labels of those who wrote the pairs that it was trained on"}
METRIC = "mean of the comparison’s metric over questions and seeds"
CHANGE = "its difference to the baseline’s"
# table → what it is, and heading → what stands below it
TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "comparison": ("the matrix", {**MODEL, "(label of a test set)": METRIC}),
    "form": (
        "what tells a gain in form from one in content",
        {**SET, "(label of a metric)": "its mean", "(label of a metric), difference": CHANGE},
    ),
    "gains": (
        "gains on questions by the writer of the training pairs and by others",
        {
            **MODEL,
            **WRITERS,
            "Gain, own writer": "difference to the baseline on questions by the own writer",
            "Gain, others": "the same on questions by others",
            "Difference": "of both gains",
            "Kept": "share of the gain that is kept on others’ questions",
            **COUNTS,
        },
    ),
    "square": (
        "gains by the writer of the questions",
        {**MODEL, **WRITERS, "(label of a test set)": "difference to the baseline"},
    ),
    "metrics": (
        "every metric of every model on every test set",
        {
            **SET,
            "Metric": "label of the metric",
            "Mean": "its mean over questions and seeds",
            "By chance": "mean of references against those of other documents",
            "Difference": CHANGE,
            "p": "p-value of the difference",
            "p corrected": "the same, corrected over the metric’s matrix",
            "Questions": "questions that were asked",
            **COUNTS,
        },
    ),
    "years": ("the comparison’s metric by year", {**SET, "(year, or all)": METRIC}),
    "training": (
        "what training each model took",
        {
            **MODEL,
            **WRITERS,
            "Seed": "of this training",
            "Trained parameters": "weights that were changed",
            "All parameters": "weights of the model",
            "Steps": "optimiser steps",
            "Examples cut": "examples that were cut to fit",
            "Examples too long": "examples that were left out",
            "Tokens seen": "tokens that were trained on",
            "Seconds": "time of training",
            "Tokens per second": "its speed",
            "Peak memory (MB)": "largest memory, in 10⁶ bytes",
            "Device": "where it ran",
            "Training loss, last tenth of steps": "mean, in nats per answer token",
            "Best validation loss": "of all checkpoints, in nats per answer token",
            "Untrained": "validation loss before training; the note says where no checkpoint was better",
        },
    ),
    "stages": (
        "what every stage kept and rejected",
        {
            "Stage": "`list`, `collect`, `split`, `synthesize`, `choose`, `answer` or `score`",
            "Part": "year, split, generator, or model and test set",
            "Outcome": "`kept` or `rejected`; `lacking` and `cleaned` are counted beside",
            "Reason": "why, or how",
            "Unit": "what is counted",
            "Count": "how many",
        },
    ),
    "published": (
        "measured beside published",
        {
            "Table": "title of the published table",
            **MODEL,
            "Year": "a year, or `all`",
            "Published": "the report’s number",
            "Measured": "this study’s",
            "Difference": "measured minus published",
        },
    ),
    "knowledge": (
        "the same questions with the text and without it",
        {
            "Questions": "what kind of questions",
            **MODEL,
            "With the text": METRIC,
            "Without the text": METRIC,
        },
    ),
    "programs": (
        "programs that pass their tests, and that are well formed",
        {
            **SET,
            "What changed": "verdicts against the baseline",
            "Problems": "problems that count",
            "(label of a metric)": "its mean",
            "(label of a metric), difference": CHANGE,
        },
    ),
    "turns": ("the comparison’s metric by turn of a conversation", {**SET, "Turn …": METRIC}),
    "filter": (
        "how well the filter of unrelated questions tells",
        {
            "Threshold": "which threshold",
            "Precision": "share of the study’s among those that pass",
            "Recall": "share of the study’s that pass",
            "F1": "harmonic mean of both",
            "Unrelated that pass": "share of the unrelated that pass",
        },
    ),
    "leakage": (
        "what stands on both sides of a split",
        {
            "What became of it": "`taken out`, or kept and told",
            "Split": "split, or generator and split",
            "Document": "id of the document or pair",
            "Reason": "why",
            "Where": "in words",
        },
    ),
    "unsuspected": (
        "the matrix with and without what is suspicious",
        {
            **SET,
            "All documents": METRIC,
            "Without suspicious": METRIC,
            "Documents": "documents of the former",
            "Of these": "documents of the latter",
        },
    ),
    "probes": (
        "answers to probes",
        {
            "Probe": "label of the probe",
            "From": "where it is from",
            "Question": "what was asked",
            "Reference": "reference answer, if there is one",
            **MODEL,
            "Seed": "of the model",
            "Answer": "what it wrote",
            "Words": "words of the answer",
            "Repetition": "share of it that repeats what stands before",
            "Repeats from word": "the first word that does",
            "Rating": "mean of people’s ratings",
        },
    ),
    "ratings": (
        "what people think of answers to probes",
        {
            **MODEL,
            "Rating": "mean rating, 1 to 5",
            "Difference": CHANGE,
            "Corrected p": "corrected p-value of the difference",
            "Verdict": "`better` or `worse`",
            "Probes": "probes that are rated in all seeds",
            "Seeds": "seeds of the model",
        },
    ),
    "agreement": (
        "how raters agree",
        {
            "Raters and": "each other, or a metric",
            "Measure": "of agreement",
            "Agreement": "its value, −1 to 1",
            "Answers": "answers that are rated",
            "Probes": "their probes",
            "Raters": "people",
        },
    ),
    "size": (
        "how small a difference this study, or a larger one, can show",
        {
            "Test set": "label of the test set",
            "Documents": "documents to test with",
            "Questions": "questions about each",
            "Seeds": "of each model",
            "Smallest": "smallest difference that 80% of such studies would show",
            "Seeds for …": "seeds that are needed for such a difference, all else the same",
            "Documents for …": "documents that are",
            "Questions for …": "questions that are",
            "Cheapest": "what takes the fewest hours",
        },
    ),
    "cost": (
        "what the jobs took",
        {
            "Stage": "the rule",
            "Model or generator": "whose job",
            "Numbers from": "`records` of jobs, the cluster’s `accounting`, or `both`",
            "Jobs": "jobs that made the results",
            "Attempts": "attempts at them",
            "Queue time": "waiting for a node",
            "Wall time": "from start to end",
            "CPU hours asked": "CPUs that were held × hours",
            "CPU hours used": "hours that CPUs were busy",
            "GPU hours asked": "GPUs that were held × hours",
            "GPU hours used": "hours that GPUs were busy",
            "Peak memory (MiB)": "largest of a job, in 2²⁰ bytes",
            "Memory asked (MiB)": "largest that a job was given",
            "Energy (kWh)": "where the cluster measures it",
            "Estimated cost (GPU hours asked × price)": "in the price’s currency",
        },
    ),
}
MADE_OF = {"matrix": Cell, "writers": Contrast, "counts": Count, "spread": Spread}


def write_columns(folder: str | Path) -> None:
    """Write ``README.md`` into the folder of tables: every table and column that there can be."""
    parts = [INTRODUCTION, "## Behind a heading\n", _listed(BEHIND)]
    for name, (what, columns) in TABLES.items():
        parts += [f"## {name}\n", f"{what[0].upper()}{what[1:]}.\n", _listed(columns)]
    parts.append("# What tables are made of\n")
    for name, kind in MADE_OF.items():
        parts += [f"## {name}.csv\n", f"{cleandoc(kind.__doc__ or '')}\n"]
    with atomic_write(Path(folder, "README.md")) as stream:
        stream.write("\n".join(parts))


def _listed(columns: dict[str, str]) -> str:
    return "".join(f"- `{name}`: {what}\n" for name, what in columns.items())
