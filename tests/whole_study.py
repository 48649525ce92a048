"""Studies whose pages have everything that pages can have, and one with many models."""

import random
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import sample_study
from papertune.metrics.form import WELL_FORMED
from papertune.pairfile import read_pairs, write_pairs
from papertune.report.finished import read_study
from papertune.report.probes import write_probes, write_rating_page, write_ratings
from papertune.report.reports import write_reports
from papertune.report.tables import write_further, write_tables
from papertune.report.trials import draw_trials
from papertune.report.turns import write_turns
from papertune.report.two_studies import write_comparison
from papertune.scores.matrix import Cell, read_matrix
from papertune.scores.rows import write_rows
from papertune.study.experiment import Experiment
from sample_study import SETTINGS, Study, make_study, write_report
from unit.report.test_filtering import add_filter
from unit.report.test_probe_pages import rate, saved
from unit.report.test_reports import REPRODUCES

TALKS = {
    "backend": "openai", "url": "http://127.0.0.1:9/v1", "model": "m", "follow_ups": True,
    "prompt": "workflow/prompts/follow_ups.txt", "label": "A writer of conversations",
}  # fmt: skip
WHOLE = {
    "generators": SETTINGS["generators"] | {"cloze": TALKS},
    "test_sets": {
        **{name: {"generator": name} for name in ("extractive", "cloze")},
        "closed": {"generator": "extractive", "book": "closed"},
    },
    "probes": {
        "mine": {"prompt": "What is the kingfisher?", "label": "My own"},
        "about": {"prompt": "What is it?", "context": "It is a bird.", "reference": "a bird"},
        "known": {"from": "train", "pick": 4},
    },
}


def write_pages(folder: Path) -> dict[str, Path]:
    """Name → page, of everything that can be opened from disk."""
    study = whole_study(folder / "whole")
    root = folder / "whole"
    for page, budget in ((root / "demo", 10**7), (folder / "beside", 0)):
        draw_trials(study.layout, page / "figures", matrix=study.made_from["matrix"])
        write_report(study, page / "report.html", budget=budget)
    write_rating_page(study.layout, root / "rate.html")
    write_tables(study.layout, study.tables, **study.made_from)
    write_further("published", study.experiment, study.tables, matrix=study.made_from["matrix"])
    reproduces = Experiment.model_validate(SETTINGS | {"reproduces": REPRODUCES})
    write_reports({"demo": replace(study.layout, experiment=reproduces)}, root / "reports.html")
    many = many_models(folder / "many")
    write_report(many, folder / "many" / "demo" / "report.html")
    both = read_study(str(root / "demo")), read_study(str(folder / "many" / "demo"))
    write_comparison(*both, folder / "two_studies.html")
    return {
        "report": root / "demo" / "report.html",
        "folder": folder / "beside" / "report.html",
        "many": folder / "many" / "demo" / "report.html",
        "rate": root / "rate.html",
        "reports": root / "reports.html",
        "two_studies": folder / "two_studies.html",
    }


def whole_study(folder: Path) -> Study:
    """Leakage, probes, ratings, conversations, a filter, trials, programs and published values."""
    more = WHOLE | {"ratings": f"{folder}/*.json"}
    study = make_study(folder, metrics=["token_f1", "perplexity"], per_year=8, **more)
    make_conversations(study, "cloze")
    rate(study, saved(study, folder))
    write_probes(study.layout, study.tables)
    write_ratings(study.layout, study.tables)
    study = add_filter(study)
    _trials(study)
    return _programs(study)


def make_conversations(study: Study, test_set: str) -> None:
    """The questions of each document become the turns of one conversation."""
    path, said, pairs = study.layout.test_set(test_set), defaultdict(list), []
    for pair in read_pairs(path):
        pairs.append(replace(pair, before=[*said[pair.document]]))
        said[pair.document].append([pair.question, pair.answer])
    write_pairs(path, pairs)
    write_turns(study.layout, study.tables)


def _trials(study: Study) -> None:
    """LoRA comes after full fine-tuning, and both kept every step's loss."""
    models = study.experiment.models
    models["lora"] = models["lora"].model_copy(update={"after": "full"})
    steps = "step,train_loss\n" + "".join(f"{n},{9 / n}\n" for n in range(1, 231))
    for path in study.layout.models().values():
        Path(path, "steps.csv").write_text(steps)


def _programs(study: Study) -> Study:
    """The study as if the answers to one test set were programs: better form, worse logic."""
    cells = read_matrix(path := study.made_from["matrix"])
    for metric, mean, verdict in [
        ("pass@1", 0.2, "worse"),
        *((n, 0.9, "better") for n in WELL_FORMED),
    ]:
        for model in study.experiment.models:
            own = {"baseline": "baseline", "difference": mean - 0.5, "verdict": verdict}
            values = (0.5, 0.4, 0.6) if model == "baseline" else (mean, mean - 0.05, mean + 0.05)
            more = own if model != "baseline" else {}
            where = (model, "extractive", metric, "all")
            cells.append(Cell(*where, *values, 20, 20, 2, values[1], values[2], **more))
    write_rows(path, cells, Cell)
    said = study.experiment.model_dump()
    columns = {name: name for name in ("question", "answer", "check", "year")}
    said["source"] = {"kind": "pairs", "path": "pairs.csv", "columns": columns}
    said["generators"]["extractive"] = {"backend": "source", "label": "The source’s own"}
    said["metrics"].append("pass@1")
    layout = replace(study.layout, experiment=Experiment.model_validate(said))
    return replace(study, layout=layout)


def many_models(folder: Path, count: int = 30) -> Study:
    """So many models with long names, on four test sets."""
    draw = random.Random(1)
    models = {name: SETTINGS["models"][name] for name in ("baseline", "full")}
    for n in range(count - len(models)):
        label = f"LoRA, rank {2 ** (n % 7)}, learning rate {n + 1}e-5"
        models[f"lora_{n}"] = {"base": "small", "method": "lora", "label": label}
    writers = SETTINGS["generators"] | {
        f"{name}_2": {"backend": "rules", "style": name, "label": f"{name.title()} rules, again"}
        for name in ("extractive", "cloze")
    }
    skill = {name: {of: draw.random() for of in writers} for name in models}
    settings = patch.dict(sample_study.SETTINGS, models=models, published=[])
    with settings, patch.dict(sample_study.SKILL, skill):
        more = {"generators": writers, "seeds": [1]}
        return make_study(folder, metrics=["token_f1"], per_year=5, **more)
