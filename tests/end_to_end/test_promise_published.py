"""What a finished study gives to others: its models' numbers in another program, and on the Hub."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from end_to_end.conftest import new_files_study
from harness_run import by_harness
from hub_server import Hub
from loopback import serving
from papertune.records import Answer, read_records
from papertune.scores.matrix import read_matrix
from snakemake_run import ROOT
from terminals import on_terminal

pytestmark = pytest.mark.slow

TOKEN = "hf_notasecretbutnobodysbusiness"
MODEL = "results/mine/exports/full/seed-1"
# of what is installed nothing is looked at anew
MAKE = ["make", "-f", ROOT / "Makefile", "-o", ".venv/installed", "-o", ".venv/installed-harness"]
MAKE += [f"BIN={Path(sys.executable).parent}", "EXPERIMENT=mine"]
ONLINE = dict.fromkeys(("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"), "0")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The folder of a finished study, its model exported."""
    study = new_files_study(tmp_path_factory.mktemp("exported"), one_file=False)

    def longer(values):
        pretrain = values["bases"]["small"]["pretrain"]
        pretrain["architecture"]["context"] = 512  # the harness cuts what is longer otherwise
        pretrain["training"]["max_steps"] = values["training"]["max_steps"] = 40
        values["models"]["full"] = values["models"].pop("lora") | {"method": "full"}
        values["metrics"] = ["token_f1", "rouge_l", "bits_per_byte"]

    study.change(longer)
    study.run("--", "all", "export")
    (study.folder / "workflow").symlink_to(ROOT / "workflow")
    return study.folder


def test_an_export_has_the_studys_own_scores_in_lm_evaluation_harness(exported, tmp_path):
    pytest.importorskip("lm_eval", reason="requirements/harness.txt is not installed")
    results, task = exported / "results/mine", "mine_full_extractive"
    told = subprocess.check_output([*MAKE, "harness"], cwd=exported, text=True)
    assert {task, f"{task}_likelihood"} <= {*told.split()}
    assert (results / "inspect/full_seed-1_extractive.jsonl").exists()
    rouge, bits = by_harness(exported / MODEL, results / "lm_eval", task, tmp_path)
    ours = {
        cell.metric: cell.mean
        for cell in read_matrix(results / "tables/matrix.csv")
        if (cell.model, cell.test_set, cell.year) == ("full", "extractive", "all")
    }
    answers = read_records(results / "answers/full/seed-1/extractive.jsonl", Answer)
    assert {one.prompt for one in answers} == {"whole"}
    assert rouge == pytest.approx(ours["rouge_l"], rel=1e-9)
    assert bits == pytest.approx(ours["bits_per_byte"], rel=1e-4)  # answers have rounded ones


def answering(folder: Path, answers: dict[str, str], **environment: str) -> tuple[str, int]:
    """What a person sees of ``make publish`` who gives these answers to questions that end so."""
    asked = [(re.escape(question), f"{answer}\n") for question, answer in answers.items()]
    return on_terminal([*MAKE, "publish", "TO=lab"], folder, asked, **environment)


def test_make_publish_pushes_a_study_once_it_was_told_twice(exported, tmp_path):
    hub, asked = Hub(TOKEN), {"Push this? [y/N] ": "y", "Type lab/mine to push it: ": "lab/mine"}
    with serving(hub) as site:
        hub.site = site
        own = ONLINE | {"HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1"}
        own |= {"HF_ENDPOINT": site.url(), "HF_TOKEN": TOKEN}
        seen, code = answering(exported, asked | {"Type lab/mine to push it: ": "lab/other"}, **own)
        assert code and "Nothing was pushed" in seen and not hub.files
        seen, code = answering(exported, asked, **own)
        assert code == 0 and "pushed lab/mine-full-seed-1" in seen and TOKEN not in seen
        commits = [*hub.commits]
        assert answering(exported, asked, **own)[1] == 0 and hub.commits == commits
    assert {*hub.files} == {"lab/mine", "lab/mine-full-seed-1"}
    weights = (exported / MODEL / "model.safetensors").read_bytes()
    assert hub.files["lab/mine-full-seed-1"]["model.safetensors"] == weights
    data = hub.files["lab/mine"]
    assert {"README.md", "eval.yaml", "report.html", "tables/matrix.csv"} <= {*data}
    assert {"cloze/test.parquet", "extractive/test.parquet"} <= {*data}
