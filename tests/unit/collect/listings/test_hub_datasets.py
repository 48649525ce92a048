"""Data sets of a Hub: a server on loopback that speaks the part of its API that is used."""

import io
import json
import os
import subprocess
import sys

import pyarrow
import pytest
from pyarrow import parquet
from pydantic import ValidationError

from hub_server import REVISION, hub_answer
from loopback import serving
from papertune.study.settings.qa import HubDatasetSource
from snakemake_run import ROOT

SECRET = "hf_a_secret_of_mine"
CODE = """
import dataclasses, json, sys
from papertune.errors import CollectError
from papertune.study.settings.qa import HubDatasetSource
from papertune.collect.listings.by_year import items
said = []
for values in json.loads(sys.argv[1]):
    year = values.pop("listed_year", 0)
    source = HubDatasetSource.model_validate(values)
    try:
        said.append([dataclasses.asdict(item) for item in items(source, year)])
    except CollectError as error:
        said.append(str(error))
print("RESULT", json.dumps(said))
"""


def table(rows):
    stream = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows), stream)
    return stream.getvalue()


CARD = """---
configs:
- config_name: de-en
  data_files:
  - {split: train, path: de-en/train-*}
  - {split: test, path: de-en/test-*}
- config_name: fr-en
  data_files: fr-en/*
---
# Sentences
"""
TRAIN = [
    {"id": n, "translation": {"en": f"Dog {n}.", "de": f"Hund {n}."}, "year": 2019 + n % 2}
    for n in range(4)
]
REPOSITORIES = {
    "owner/data": {
        "README.md": CARD.encode(),
        "de-en/train-00000-of-00001.parquet": table(TRAIN),
        "de-en/test-00000-of-00001.parquet": table(TRAIN[:1]),
        "fr-en/train.parquet": table(TRAIN),
    },
    "owner/lines": {"lines.jsonl": b'{"q": "Why?", "a": "So."}\n{"q": "How?", "a": ""}\n'},
    "owner/plain": {"train.csv": b"q,a\nWhy?,So.\n", "test.csv": b"q,a\nHow?,Thus.\n"},
    "owner/script": {"script.py": b"open('/tmp/never', 'w')", "README.md": b"# Code\n"},
    "owner/pictures": {"train/1.png": b"\x89PNG", "train/2.png": b"\x89PNG"},
    "owner/torn": {"data/train-00000-of-00001.parquet": b"PAR1 and no more"},
}


@pytest.fixture
def hub():
    with serving(lambda handler: hub_answer(handler, REPOSITORIES)) as server:
        yield server


DE_EN = {"question": "translation.en", "answer": "translation.de", "id": "id"}


def source(**settings):
    return {
        "kind": "hub_dataset",
        "dataset": "owner/data",
        "revision": REVISION,
        "columns": {"question": "q", "answer": "a"},
        **settings,
    }


def listed(endpoint, folder, *sources, offline="0"):
    """What each source gives, or what is said of it, all from one process."""
    # of its own: the Hub's address is read when its library is imported, which takes seconds
    flags = dict.fromkeys(("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"), offline)
    hub = {"HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "hub"), "HF_HUB_DISABLE_XET": "1"}
    own = {**flags, **hub, "HF_TOKEN": SECRET, "PYTHONPATH": str(ROOT / "workflow/scripts")}
    run = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(sources)],
        capture_output=True, text=True, env=os.environ | own, timeout=300, cwd=folder, check=False,
    )  # fmt: skip
    assert SECRET not in run.stderr + run.stdout
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.rpartition("RESULT ")[2])


CASES = [
    ({"dataset": "owner/gated"}, "agreement to its terms"),
    ({"dataset": "owner/nothing"}, "no such data set or revision"),
    ({"revision": "f" * 40}, "no such data set or revision"),
    ({"dataset": "owner/script"}, "no readable data files"),
    ({"dataset": "owner/pictures"}, "data files are of kind imagefolder"),
    ({"dataset": "owner/torn"}, "files cannot be read"),
    ({"config": "xx-en"}, "'de-en'"),
    ({"config": "de-en", "split": "validation"}, "split is one of train, test"),
    ({"config": "de-en"}, "translation.en"),
]


@pytest.mark.slow
def test_a_hub_is_read_or_what_cannot_be_had_is_explained(hub, tmp_path):
    dated = source(config="de-en", columns={**DE_EN, "year": "year"}, listed_year=2020)
    pairs, [plain], (kept, lost), *refused = listed(
        hub.url(),
        tmp_path,
        dated,
        source(dataset="owner/plain", split="test"),
        source(dataset="owner/lines"),
        *(source(**settings) for settings, _ in CASES),
    )
    said = [(item["question"], item["text"], item["year"]) for item in pairs]
    assert said == [("Dog 1.", "Hund 1.", 2020), ("Dog 3.", "Hund 3.", 2020)]
    assert pairs[0]["url"] == "https://huggingface.co/datasets/owner/data/viewer/de-en/train#1"
    assert (plain["question"], plain["text"], plain["year"]) == ("How?", "Thus.", 0)
    assert kept["text"] == "So."
    assert (lost["reason"], lost["key"].rpartition(":")[2]) == ("no_answer", "2")
    for (settings, message), said in zip(CASES, refused, strict=True):
        assert message in said and "What to do" in said, settings
    assert not [path for path in hub.paths if path.endswith((".png", "fr-en/train.parquet"))]
    before = len(hub.asked)
    unseen = source(dataset="owner/unseen")
    again, said = listed("http://127.0.0.1:9", tmp_path, dated, unseen, offline="1")
    assert again == pairs, "without a network, from what was downloaded"
    assert "could not be reached" in said and "What to do" in said
    assert len(hub.asked) == before


def test_a_revision_must_be_pinned():
    for revision in ("main", REVISION[:7], REVISION.upper()):
        with pytest.raises(ValidationError, match="revision"):
            HubDatasetSource.model_validate(source(revision=revision))
