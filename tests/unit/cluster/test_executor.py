"""The arguments of sbatch for jobs, by a profile's settings."""

from types import SimpleNamespace

import pytest

from papertune.cluster.executor import _Resources, gpus_of, options
from papertune.cluster.slurm import ClusterError

EXECUTOR = SimpleNamespace(
    get_account_arg=lambda job: iter([""]),
    get_partition_arg=lambda job: "",
    workflow=SimpleNamespace(workdir_init="/tmp", executor_settings=None),
)


def gpus(**resources) -> str:
    return gpus_of(SimpleNamespace(resources=_Resources(resources), threads=4)).strip()


def asked(**resources) -> list[str]:
    return options(EXECUTOR, "train", resources, 4)


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ({"gpu": 2}, "--gpus=2"),
        ({"gpu": 1, "gpu_model": "nvidia-a100-80gb"}, "--gpus=nvidia-a100-80gb:1"),
        ({"gpu": 1, "gpu_model": "a100-sxm4-40gb"}, "--gpus=a100-sxm4-40gb:1"),
        ({"gpu": 1, "gpu_model": "1g.10gb"}, "--gpus=1g.10gb:1"),
        ({"gpu": 1, "gpu_model": "nvidia_a100_3g.20gb"}, "--gpus=nvidia_a100_3g.20gb:1"),
        ({"gpu": 1, "gpu_model": 3090}, "--gpus=3090:1"),
        ({"gpu": 0, "gpu_model": "a100"}, ""),
        ({"gpu": 0}, ""),
        ({"gpu": 2, "gpu_option": "gres"}, "--gres=gpu:2"),
        ({"gpu": 2, "gpu_option": "--gres", "gpu_model": "h100-96"}, "--gres=gpu:h100-96:2"),
        ({"gpu": 1, "gpu_option": "gres", "gres": "lscratch:20"}, "--gres=lscratch:20,gpu:1"),
        ({"gpu": 1, "gres": "lscratch:20"}, "--gres=lscratch:20 --gpus=1"),
        ({"gpu": 2, "gpu_option": "gpus-per-node"}, "--gpus-per-node=2"),
        # as the plugin's own documentation has it
        ({"gpu": 1, "gres": "gpu:nvidia-a100-80gb:1"}, "--gres=gpu:nvidia-a100-80gb:1"),
        ({"gpu": 1, "gres": "gpu"}, "--gres=gpu"),
        # several nodes
        ({"gpu": 4, "nodes": 2, "gres": "gpu:toy:2"}, "--gres=gpu:toy:2 --gpus=4"),
        ({"gpu": 4, "nodes": 2, "gres": "gpu:2", "gpu_option": "gres"}, "--gres=gpu:2"),
        ({"gpu": 4, "nodes": 2, "gpu_option": "gpus-per-node"}, "--gpus-per-node=2"),
    ],
)
def test_gpus_are_asked_for_as_the_site_takes_them(resources, said):
    assert gpus(**resources) == said


def test_a_gres_of_the_profile_and_the_experiment_do_not_contradict_each_other():
    with pytest.raises(ClusterError, match="gpu:a100:1") as caught:
        gpus(gpu=4, gres="gpu:a100:1")
    assert "compute.gpu: 1" in caught.value.hint


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({}, ["--mem", "10001"]),
        ({"memory_option": "mem-per-cpu"}, ["--mem-per-cpu", "2501"]),
        ({"memory_option": "none"}, []),
        ({"mem_mb_per_cpu": 3000}, ["--mem-per-cpu", "3000"]),
        ({"memory_option": "mem-per-cpu", "cpus_per_task": 10}, ["--mem-per-cpu", "1001"]),
    ],
)
def test_memory_is_asked_for_as_the_site_takes_it(option, said):
    given = asked(mem_mb=10001, gpu=1, **option)
    place = [n for n, one in enumerate(given) if one.startswith("--mem")]
    assert [one for n in place for one in given[n : n + 2]] == said


@pytest.mark.parametrize("option", [{"gpu_option": "gpu"}, {"memory_option": "per-cpu"}])
def test_an_unknown_way_is_an_error_that_names_the_known(option):
    [name] = option
    with pytest.raises(ClusterError, match=f"{name}.*(gres|mem-per-cpu)"):
        asked(mem_mb=100, gpu=1, **option)
