"""Promise: a model folder is made from a GGUF file once; results depend on the file's content."""

import os

import pytest

from end_to_end.conftest import new_files_study
from snakemake_run import job_counts
from tiny_gguf import make_gguf
from tiny_models import make_model

pytestmark = pytest.mark.slow


def test_a_file_counts_by_what_is_in_it(tmp_path):
    model = make_model(tmp_path / "model", context=1024)
    study = new_files_study(tmp_path / "study", one_file=False)
    file = make_gguf(model, study.folder / "tiny.gguf")
    study.change(lambda values: values["bases"].update(small={"gguf": "tiny.gguf"}))

    def plan() -> dict[str, int]:
        return job_counts(study.run("--dry-run", "--quiet", "rules", "--", "models"))

    said = study.run("--", "models")
    assert said.count("base small: licence of the weights: apache-2.0") == 1
    assert "it/s" not in said
    [made] = study.folder.glob("resources/models/tiny/*/made_from.json")
    os.utime(file)
    os.utime(made.parent)
    assert plan() == {}
    whole = file.read_bytes()
    file.unlink()
    assert plan() == {}
    file.write_bytes(whole[:-4] + b"\0\0\0\0")
    assert {"convert_base": 1, "train": 1}.items() <= plan().items()
