"""The resources of jobs, whether a partition has them, and the sums of a plan."""

import pytest

from papertune.cluster.requests import ask_of, kinds_of, results_of, show_plan, why_not
from papertune.cluster.slurm import CUT, read_partitions
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout
from snakemake_run import ROOT

PARTITION = """\
gpu|up|10:00:00|2|16|64000|gpu:toy:2|idle
gpu|up|10:00:00|1|64|256000|gpu:big:8|down
"""
FITS = {"gpu": 1, "_cores": 4, "mem_mb": 32000, "runtime": 240}


def lacks(text: str = PARTITION, *, ever: bool = False, **resources) -> list[str]:
    (partition,) = read_partitions(text.replace("|", CUT))
    return why_not(ask_of(FITS | resources), partition, ever=ever)


def test_what_fits_lacks_nothing():
    assert lacks() == lacks(gpu=2, gpu_model="toy", _cores=16, mem_mb=64000, runtime=600) == []
    assert lacks(mem_mb="<TBD>", runtime="<TBD>") == []


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ({"runtime": 601}, "lets jobs run for 600 minutes, not 601"),
        ({"gpu": 9}, "has no node with 9 GPUs (at most 8)"),
        ({"gpu": 3, "gpu_model": "toy"}, "has no node with 3 toy GPUs (at most 2)"),
        ({"gpu_model": "a100"}, "has no node with 1 a100 GPUs (at most 0)"),
        ({"mem_mb": 256001}, "has no node with 256001 MB of memory (at most 256000)"),
        ({"mem_mb": 0, "mem_mb_per_cpu": 64001}, "has no node with 256004 MB"),
        ({"_cores": 65}, "has no node with 65 CPUs (at most 64)"),
        ({"gpu_model": "toy", "_cores": 17}, "has no single node with all of it"),
    ],
)
def test_what_is_too_much_is_named(resources, said):
    assert any(reason.startswith(said) for reason in lacks(**resources))


def test_a_job_of_several_nodes_wants_as_many_that_have_what_it_asks_of_each():
    both = {"nodes": 2, "gpu": 4, "gpu_model": "toy"}
    assert lacks(**both) == []
    assert lacks(**both | {"nodes": 3, "gpu": 6}) == ["has 2 such nodes, not 3"]
    assert lacks(**both | {"gpu": 6}) == ["has no node with 3 toy GPUs (at most 2)"]
    one_down = PARTITION.replace("|2|16|64000|gpu:toy:2|idle", "|1|16|64000|gpu:toy:2|idle")
    one_down += "gpu|up|10:00:00|1|16|64000|gpu:toy:2|down\n"
    said = "has the right nodes, but 1 of them accepts jobs now"
    assert lacks(one_down, **both) == [said] and lacks(one_down, **both, ever=True) == []
    (kind,) = kinds_of([("train", False, attempts(60, 4, nodes=2))])
    assert kind.gpu_hours() == 4
    row = "train 1 cluster 2 × 2 2 × 4 2 × 4 GB 1:00 h 4"
    assert row in " ".join(show_plan([kind]).split())


def test_nodes_that_are_down_may_come_back():
    assert lacks(gpu=8) == ["has the right nodes, but none of them accepts jobs now"]
    assert lacks(PARTITION.replace("gpu|up", "gpu|down")) == ["is closed"]
    assert lacks(gpu=8, ever=True) == []
    assert lacks(PARTITION.replace("gpu|up", "gpu|down"), ever=True) == []


def test_a_job_in_words():
    assert str(ask_of(FITS)) == "1 GPU, 4 CPUs, 32000 MB, 240 minutes"
    both = FITS | {"nodes": 2, "gpu": 4, "gpu_model": "a100"}
    assert str(ask_of(both)).startswith("2 nodes with 2 a100 GPU each, 4 CPUs, ")
    assert ask_of({"slurm_partition": "gpu, long"}).partitions == ["gpu", "long"]


def attempts(minutes: int, gpu: int = 0, **more):
    return [
        {"_cores": 4, "mem_mb": 4000, "runtime": minutes * number, "gpu": gpu, **more}
        for number in (1, 2)
    ]


def test_jobs_that_ask_for_the_same_are_one_kind():
    kinds = kinds_of(
        [
            ("list_documents", True, []),
            ("train", False, attempts(60, 2, disk_mb=1)),
            ("train", False, attempts(60, 2, disk_mb=2)),
            ("train", False, attempts(90, 2)),
            ("score", False, attempts(30)),
        ]
    )
    rules = ["list_documents", "train", "train", "score"]
    assert [kind.rule for kind in kinds] == rules
    assert [kind.jobs for kind in kinds] == [1, 2, 1, 1]
    assert [kind.gpu_hours() for kind in kinds] == [0, 4, 3, 0]
    said = show_plan(kinds)
    assert "Submitted to the cluster: 4 jobs. Run here: 1 job." in said
    assert "GPU-hours requested: 7, if" in said
    assert show_plan([]) == "Nothing to be done.\n"
    assert "At most 21, if every job also fails until its last attempt (2)." in said


def test_results_of_every_stage_are_known():
    layout = Layout("isca", load_experiment(ROOT / "config/experiments/isca.yaml"))
    paths = results_of(layout)
    assert len(paths) == len(set(paths)) == 4 + 6 + 2 * 14 + 2 + 4
    assert "results/isca/models/lora/seed-3" in paths
