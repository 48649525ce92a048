"""The plan of a dry run: jobs per year, per generator and split, per model, seed and test set."""

import json

import pytest
import yaml

from papertune.study.experiment_file import files_in, load_experiment, name_of
from papertune.study.layout import Layout
from snakemake_run import ROOT, planned, snakemake, use_as_module


def test_the_isca_experiment_plans_the_right_jobs(tmp_path):
    jobs = planned(tmp_path, "--config", "experiments=isca")
    once = ("gather_missing", "compare", "count_stages", "write_tables", "write_cost")
    once += ("all", "write_further_table", "draw_figures", "write_page")
    years = ("list_documents", "fetch_documents", "render_documents")  # 2005–2024
    assert jobs == dict.fromkeys(once, 1) | dict.fromkeys(years, 20) | {
        "download_base": 3,  # two generators and one base
        "keep_apart": 2,  # validation, test
        **dict.fromkeys(("find_suspects", "compare_without_suspects", "write_leakage"), 1),
        "synthesize": 4,  # Gemma: train, validation, test; Mistral: test
        "describe_dataset": 2,
        "train": 6,  # full and LoRA × 3 seeds
        "answer": 14,  # baseline once, full and LoRA × 3 seeds, × 2 test sets
        "score": 14,
    }


def test_generators_of_one_name_in_two_experiments_may_be_of_two_kinds(tmp_path):
    values = yaml.safe_load((ROOT / "config/experiments/isca.yaml").read_text())
    for old, new in (("gemma", "extractive"), ("mistral", "cloze")):
        values["generators"][new] = values["generators"].pop(old)
    values.update(dataset="extractive", test_sets=["cloze", "extractive"])
    values.pop("published")
    path = tmp_path / "other.yaml"
    path.write_text(yaml.safe_dump(values))
    jobs = planned(tmp_path, "--config", f"experiments=demo,{path}")
    assert (jobs["synthesize_here"], jobs["synthesize"]) == (4, 4)


def changed(folder, name, **values):
    """The path of an experiment file that comes along, with changes."""
    path = folder / f"{name}.yaml"
    study = yaml.safe_load((ROOT / f"config/experiments/{name}.yaml").read_text())
    path.write_text(yaml.safe_dump(study | values))
    return path


@pytest.mark.parametrize(
    ("change", "config", "message"),
    [
        ({"sedes": [1]}, "experiments={}", "sedes: unknown key (did you mean 'seeds'?)"),
        ({"prompt": "no/such/file.txt"}, "experiments={}", "no/such/file.txt"),
        ({}, "experiments=demmo", "did you mean 'demo'?"),
        ({}, "experimens=demo", "experimens"),
    ],
)
def test_a_mistake_is_explained_without_a_traceback(tmp_path, change, config, message):
    config = config.format(changed(tmp_path, "demo", **change))
    run = snakemake(tmp_path, "--dry-run", "--config", config, check=False)
    assert run.returncode != 0
    assert message in run.stdout and "Traceback" not in run.stdout


def test_an_export_is_made_on_request_and_of_the_models_that_are_named(tmp_path):
    path = changed(tmp_path, "isca", export=["lora"])
    jobs = planned(tmp_path, "--config", f"experiments={path}", "--", "export")
    # the LoRA models of three seeds and the baseline, on two test sets
    assert (jobs["export_model"], jobs["train"], jobs["score"]) == (3, 3, 8)
    assert "compare" not in jobs
    assert "export_model" not in planned(tmp_path, "--config", f"experiments={path}")
    one = "results/isca/exports/full/seed-2"
    one = planned(tmp_path, "--config", f"experiments={path}", "--", one)
    assert (one["export_model"], one["train"], one["score"]) == (1, 1, 4)


def test_a_form_adds_its_baselines_answers_and_a_list_of_writers_their_pairs(tmp_path):
    values = yaml.safe_load((ROOT / "config/experiments/isca.yaml").read_text())
    more = {"base": "gpt2", "method": "lora", "seeds": [1]}
    plain, both = {"examples": {"variant": "qa"}}, {"dataset": ["gemma", "mistral"]}
    models = values["models"] | {"asked": more | plain, "both": more | both}
    path = changed(tmp_path, "isca", models=models)
    jobs = planned(tmp_path, "--config", f"experiments={path}")
    # of all that the experiment itself has: two trainings, their answers and those of one baseline
    assert (jobs["train"], jobs["answer"], jobs["score"]) == (6 + 2, 14 + 4 + 2, 14 + 4 + 2)
    assert jobs["synthesize"] == 4 + 2  # Mistral: train and validation, too


def test_jobs_that_write_may_have_threads_of_their_own(tmp_path):
    path = changed(tmp_path, "isca", compute={"threads": 4, "writing_threads": 1})
    shown = ("--dry-run", "--quiet", "host", "--cores", "4")
    run = snakemake(tmp_path, *shown, "--config", f"experiments={path}")
    told = [part.split("\n\n")[0] for part in run.stdout.split("\nrule ")]
    four = {part.split(":")[0] for part in told if "threads: 4" in part}
    assert four == {"train"} and sum(part.startswith("answer:") for part in told) == 14


def bring(folder, values):
    """What an experiment's user brings: bases in folders, local files, one PDF."""
    for base in values["bases"].values():
        if "path" in base:
            (folder / base["path"]).mkdir(parents=True)
    source = values["source"]
    path = folder / source.get("path", "").replace("{year}", "2012")
    if source["kind"] == "pairs":
        path.parent.mkdir(parents=True, exist_ok=True)
        names = list(source["columns"].values())
        table = "\t".join(names) + "\n" + "\t".join(["text"] * len(names)) + "\n"
        row = json.dumps(dict.fromkeys(names, "text"))
        path.write_text(row if path.suffix == ".jsonl" else table)
    if source["kind"] == "files":
        for year in range(2011, 2025):
            path = folder / source["path"].replace("{year}", str(year))
            path.parent.mkdir(parents=True, exist_ok=True)
            row = {"title": "t", "paper_url": f"https://venue.example/{year}", "abstract": "x"}
            path.write_text(json.dumps(row | {"year": year}) + "\n")
    if source["kind"] == "stack_dump":
        path.parent.mkdir(parents=True)
        path.write_text("<posts></posts>")
    if source["kind"] == "pdfs":
        path.mkdir(parents=True)
        (path / "one.pdf").write_bytes(b"%PDF-1.4")


# the other two have tests of their own above
FOLDER = ROOT / "config/experiments"
OTHERS = {name_of(path): path for path in files_in(FOLDER)}
TOGETHER = [
    *([name] for name in OTHERS if name not in ("demo", "isca") and "translation" not in name),
    *([f"{small}translation-code", f"{small}translation-code-python"] for small in ("", "small-")),
]


@pytest.mark.parametrize("names", TOGETHER, ids="+".join)
def test_every_experiment_that_comes_along_can_be_planned(tmp_path, names):
    if names == ["small-ho-chi-minh"]:  # whose filter is learned against the questions of
        names.append("small-cross-validated")
    for name in names:
        bring(tmp_path, yaml.safe_load(OTHERS[name].read_text()))
    jobs = planned(tmp_path, "--config", f"experiments={','.join(names)}")
    studies = [load_experiment(OTHERS[name]) for name in names]
    trained = [(study, model) for study in studies for model in study.trained]
    assert jobs["train"] == sum(len(study.seeds_of(model)) for study, model in trained)
    further = [table for study in studies for table in Layout("any", study).further_tables()]
    rules = ("write_further_table", "write_filter", "write_turns")
    made = sum(jobs.get(rule, 0) for rule in rules)
    assert (jobs["write_page"], made) == (len(names), len(further))


def test_another_workflow_can_use_this_one_as_a_module(tmp_path):
    """Its experiments are found there, those that come along here."""
    folder = tmp_path / "config/experiments"
    folder.mkdir(parents=True)
    changed(folder, "demo", seeds=[1]).rename(folder / "mine.yaml")
    snakefile = use_as_module(tmp_path, "mine")
    jobs = planned(tmp_path, snakefile=snakefile)
    assert (jobs["list_documents"], jobs["train"], jobs["write_page"]) == (20, 2, 1)
    assert planned(tmp_path, "--config", "experiments=isca", snakefile=snakefile)["train"] == 6


def filtered(folder, name, against):
    return changed(folder, name, filter={"against": against})


def test_a_filter_is_planned_where_there_is_one_and_trains_nothing(tmp_path):
    (tmp_path / "others.csv").write_text("question\nWho?\n")
    path = filtered(tmp_path, "isca", {"kind": "table", "path": "others.csv"})
    jobs = planned(tmp_path, "--config", f"experiments={path}")
    mine = {"list_unrelated", "learn_filter", "write_filter"}
    assert {jobs[rule] for rule in mine} == {1}
    without = planned(tmp_path, "--config", "experiments=isca")
    assert mine.isdisjoint(without) and {*jobs} - {*without} == mine
    alone = ("--", "results/isca/tables/filter.csv")
    alone = planned(tmp_path, "--config", f"experiments={path}", *alone)
    assert "train" not in alone and alone["synthesize"] == 1


def test_a_filter_against_another_experiment_has_its_questions_written(tmp_path):
    against = {"kind": "experiment", "experiment": "demo", "generator": "extractive"}
    path = filtered(tmp_path, "isca", against)
    target = ("--", "results/isca/filter/unrelated.jsonl")
    both = ("--config", f"experiments={path},demo")
    assert planned(tmp_path, *both, *target)["synthesize_here"] == 1
    alone = snakemake(
        tmp_path, "-n", "--config", f"experiments={path}", *target, check=False
    ).stdout
    assert "filter.against" in alone and "run demo too" in alone
    path = filtered(
        tmp_path, "isca", against | {"generator": "cloze"}
    )  # which writes test pairs only
    both = ("--config", f"experiments={path},demo")
    assert "cloze" in snakemake(tmp_path, "-n", *both, *target, check=False).stdout
