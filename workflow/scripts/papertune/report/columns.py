"""The description of each column of the CSV tables: README.md beside them."""

from inspect import cleandoc
from pathlib import Path

from papertune.files import atomic_write
from papertune.report.counts import Count
from papertune.scores.matrix import Cell
from papertune.scores.power import Spread
from papertune.scores.writers import Contrast

INTRODUCTION = """\
# The tables of this study

Each table has four files: `.csv` for programs and spreadsheets, `.md` for pasting into Markdown, `.tex`
for LaTeX, and `.json`, from which the report is made.

In CSV, numbers are plain: with a decimal point, ten digits at most, no marks, no commas between thousands;
`inf` is infinite. A cell is empty if there is no number, or if it is unknown. Shares are between 0 and 1.
Text that a spreadsheet would evaluate as a formula has an apostrophe before it. `…` in a name below stands
for a heading.

A LaTeX file names the packages that it needs in its first line. A table that would not fit a page is split
into several, with the first columns in each; only there, a cell of more than 400 characters is cut.
"""
BEHIND = {
    "… low": "lower end of the number’s interval; for a difference, corrected like its p",
    "… high": "upper end of the interval",
    "… verdict": "`better` or `worse` than the baseline, corrected; empty if neither is shown",
    "… not read": "answers that the embedder could not read, or not their references; empty if none",
    "… note": "why nothing is claimed: `one run`, `few documents`, `infinite`; or another remark",
    "… sd": "standard deviation between questions",
    "… own writer": "`yes` if the writer of the questions wrote the model’s training pairs",
    "… (s)": "seconds, instead of hours, minutes and seconds",
    "… (at least)": "`yes` if not all of it is known, so that the number is a lower bound",
    "… #2": "the second column of the same name",
}
MODEL = {"Model": "the model’s label", "Baseline": "label of its baseline, if these differ"}
SET = {"Test set": "label of the test set", **MODEL}
COUNTS = {"Documents": "number of test documents", "Seeds": "seeds of the model"}
WRITERS = {"Trained on": "labels of the writers of its training pairs"}
METRIC = "mean of the comparison’s metric over questions and seeds"
CHANGE = "its difference to the baseline’s"
# table → its description, and heading → the column's description
TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "comparison": ("the matrix", {**MODEL, "(label of a test set)": METRIC}),
    "form": (
        "metrics that tell a gain in form from one in content",
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
            "By chance": "mean between references of different documents",
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
            "Trained parameters": "weights that were trained",
            "All parameters": "weights of the model",
            "Steps": "optimiser steps",
            "Examples cut": "examples that were shortened to fit",
            "Examples too long": "examples that were left out because they were too long",
            "Tokens seen": "tokens that were trained on",
            "Seconds": "time of training",
            "Tokens per second": "its speed",
            "Peak memory (MB)": "largest memory, in 10⁶ bytes",
            "Device": "where it ran",
            "Training loss, last tenth of steps": "mean, in nats per answer token",
            "Best validation loss": "of all checkpoints, in nats per answer token",
            "Untrained": "validation loss before training; the note says if no checkpoint was better",
        },
    ),
    "stages": (
        "what every stage kept and rejected",
        {
            "Stage": "`list`, `collect`, `split`, `synthesize`, `choose`, `answer` or `score`",
            "Part": "year, split, generator, or model and test set",
            "Outcome": "`kept` or `rejected`; `lacking` and `cleaned` are counted separately",
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
            "What changed": "verdicts compared with the baseline",
            "Problems": "problems that count",
            "(label of a metric)": "its mean",
            "(label of a metric), difference": CHANGE,
        },
    ),
    "turns": ("the comparison’s metric by turn of a conversation", {**SET, "Turn …": METRIC}),
    "filter": (
        "how well the filter of unrelated questions works",
        {
            "Threshold": "which threshold",
            "Precision": "share of the study’s questions among those that pass",
            "Recall": "share of the study’s questions that pass",
            "F1": "harmonic mean of both",
            "Unrelated that pass": "share of unrelated questions that pass",
        },
    ),
    "leakage": (
        "texts on both sides of a split",
        {
            "What became of it": "`taken out`, or kept and reported",
            "Split": "split, or generator and split",
            "Document": "id of the document or pair",
            "Reason": "why",
            "Where": "in words",
        },
    ),
    "unsuspected": (
        "the matrix with and without suspect documents",
        {
            **SET,
            "All documents": METRIC,
            "Without suspects": METRIC,
            "Documents": "number of all documents",
            "Of these": "number without suspects",
        },
    ),
    "probes": (
        "answers to probes",
        {
            "Probe": "label of the probe",
            "From": "the probe’s origin",
            "Question": "what was asked",
            "Reference": "reference answer, if there is one",
            **MODEL,
            "Seed": "of the model",
            "Answer": "what it wrote",
            "Words": "words of the answer",
            "Repetition": "share of the answer that repeats earlier words",
            "Repeats from word": "number of the first word that repeats",
            "Rating": "mean of people’s ratings",
        },
    ),
    "ratings": (
        "people’s ratings of answers to probes",
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
            "Raters and": "compared with each other, or with a metric",
            "Measure": "the measure of agreement",
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
            "Seeds for …": "seeds needed for such a difference, all else the same",
            "Documents for …": "documents needed for it",
            "Questions for …": "questions needed for it",
            "Cheapest": "the change that takes the fewest hours",
        },
    ),
    "cost": (
        "resources used by the jobs",
        {
            "Stage": "the rule",
            "Model or generator": "of the job",
            "Numbers from": "`records` of jobs, the cluster’s `accounting`, or `both`",
            "Jobs": "jobs that made the results",
            "Attempts": "attempts at these jobs",
            "Queue time": "waiting for a node",
            "Wall time": "from start to end",
            "CPU hours asked": "CPUs that were held × hours",
            "CPU hours used": "hours that CPUs were busy",
            "GPU hours asked": "GPUs that were held × hours",
            "GPU hours used": "hours that GPUs were busy",
            "Peak memory (MiB)": "largest of a job, in 2²⁰ bytes",
            "Memory asked (MiB)": "largest request of a job",
            "Energy (kWh)": "if the cluster measures it",
            "Estimated cost (GPU hours asked × price)": "in the price’s currency",
        },
    ),
}
MADE_OF = {"matrix": Cell, "writers": Contrast, "counts": Count, "spread": Spread}


def write_columns(folder: str | Path) -> None:
    """Write ``README.md`` into the folder of tables: every possible table and column."""
    parts = [INTRODUCTION, "## Suffixes of headings\n", _listed(BEHIND)]
    for name, (what, columns) in TABLES.items():
        parts += [f"## {name}\n", f"{what[0].upper()}{what[1:]}.\n", _listed(columns)]
    parts.append("# Files that tables are made from\n")
    for name, kind in MADE_OF.items():
        parts += [f"## {name}.csv\n", f"{cleandoc(kind.__doc__ or '')}\n"]
    with atomic_write(Path(folder, "README.md")) as stream:
        stream.write("\n".join(parts))


def _listed(columns: dict[str, str]) -> str:
    return "".join(f"- `{name}`: {what}\n" for name, what in columns.items())
