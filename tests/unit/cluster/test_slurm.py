"""Output of Slurm's commands, as Slurm 22.05 printed it, and what is parsed from it."""

from types import SimpleNamespace

import pytest
from snakemake_executor_plugin_slurm import ExecutorSettings

from papertune.cluster import slurm
from papertune.cluster.doctor import check_status
from papertune.cluster.slurm import (
    CUT,
    ClusterError,
    Partition,
    read_partitions,
    read_queue,
    seconds_of,
)
from processes import program

# sinfo --noheader --exact --format=%P|%a|%l|%D|%c|%m|%G|%t
SINFO = """\
cpu*|up|1:00:00|1|16|64000|(null)|idle
gpu|up|2-03:00:00|1|16|64000|gpu:toy:2|drain
gpu|up|2-03:00:00|1|16|64000|gpu:toy:2|mix
urgent|down|infinite|2|16|64000|gpu:toy:2|down
"""
RUN = "0b3b1a0e-1111-4222-8333-123456789012"
# squeue --noheader --array --format=%i %j %T %Z %k, with a separator that stands in no comment
QUEUE = f"""\
15_2\x1fours_{RUN}\x1fPENDING\x1f/tmp/d\x1frule_train_wildcards_isca_lora_1
16\x1fwrap\x1fRUNNING\x1f/tmp/d\x1frule_x|y
17\x1f{RUN}\x1fCOMPLETING\x1f/tmp/d\x1f(null)
"""


def nodes(text: str) -> list[Partition]:
    return read_partitions(text.replace("|", CUT))


def test_partitions_are_read_with_their_nodes():
    cpu, gpu, urgent = nodes(SINFO)
    assert (cpu.name, cpu.default, cpu.up, cpu.minutes) == ("cpu", True, True, 60)
    assert (gpu.name, gpu.default, gpu.minutes) == ("gpu", False, 51 * 60)
    assert [(shape.gpus, shape.up) for shape in gpu.shapes] == [({"toy": 2}, 0), ({"toy": 2}, 1)]
    assert (urgent.up, urgent.minutes, urgent.shapes[0].up) == (False, None, 0)
    (shape,) = cpu.shapes
    assert (shape.cpus, shape.memory_mb, shape.gpus) == (16, 64000, {})


@pytest.mark.parametrize(
    ("gres", "state", "gpus", "up"),
    [
        ("(null)", "idle~", {}, 3),
        ("gpu:4", "down*", {"": 4}, 0),
        ("gpu:a100:4(S:0-1)", "drng", {"a100": 4}, 0),
        ("gpu:a100:2(S:0),gpu:v100:1(S:1),lustre:1", "idle*", {"a100": 2, "v100": 1}, 0),
        ("gpu:a100_1g.5gb:7", "maint", {"a100_1g.5gb": 7}, 0),
        ("gpu:nvidia-a100-80gb:4(S:0,2-3)", "idle", {"nvidia-a100-80gb": 4}, 3),
        (
            "gpu:a100-sxm4-40gb:2(S:0),gpu:1g.10gb:7,mps:400",
            "mix",
            {"a100-sxm4-40gb": 2, "1g.10gb": 7},
            3,
        ),
        ("tmp:1,gpu:3090:no_consume:8", "idle", {"3090": 8}, 3),
        ("shard:8", "drain$", {}, 0),
    ],
)
def test_gpus_of_a_node_are_counted_by_model_where_it_takes_jobs(gres, state, gpus, up):
    (partition,) = nodes(f"gpu|up|1:00:00|3|16|64000|{gres}|{state}\n")
    (shape,) = partition.shapes
    assert (dict(shape.gpus), shape.up) == (gpus, up)


def test_durations_are_read():
    said = ("infinite", "10:30", "1-00:00:00", "00:01.500")
    assert [*map(seconds_of, said)] == [None, 630, 86400, 1.5]


def test_jobs_of_snakemake_are_told_from_others():
    train, wrap, foreign = read_queue(QUEUE)
    assert train.of_a_run and not wrap.of_a_run and not foreign.of_a_run
    assert (train.id, train.folder, train.state) == ("15_2", "/tmp/d", "PENDING")
    assert str(train) == "train isca_lora_1 (pending, 15_2)"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("no-such-command", "no-such-command is not installed"),
        ("sleep 10", "sleep did not answer within"),
        ("ls --no-such-option", "^ls: Try 'ls --help'"),  # the last line
    ],
)
def test_a_command_that_is_not_there_or_hangs_or_fails_is_an_error_in_words(command, said):
    with pytest.raises(ClusterError, match=said):
        slurm.ask(*command.split(), seconds=0.5)


# ---- who tells how jobs ended -------------------------------------------------


def status(chosen: str, accounting: bool, age: int, first_look: int = 20):
    """The state of the finding, and the command that is asked after it."""
    settings = ExecutorSettings(status_command=chosen, init_seconds_before_status_checks=first_look)
    runs = SimpleNamespace(workflow=SimpleNamespace(executor_settings=settings))
    storage = f"accounting_storage/{'slurmdbd' if accounting else 'none'}"
    configuration = {"AccountingStorageType": storage, "MinJobAge": f"{age} sec"}
    (finding,) = check_status(runs, configuration)
    return finding.state, settings.status_command, settings.status_attempts > 5


@pytest.mark.parametrize(("chosen", "state"), [("squeue", "ok"), ("sacct", "doubt")])
def test_without_accounting_only_a_queue_that_remembers_is_asked(chosen, state):
    # not "squeue": while the controller is away, the plugin would turn from that to sacct
    assert status(chosen, accounting=False, age=300) == (state, "only squeue", True)
    for age, first_look in ((120, 20), (0, 20), (300, 120)):
        assert status(chosen, accounting=False, age=age, first_look=first_look)[0] == "wrong"


def test_accounting_that_does_not_answer_is_none(monkeypatch, tmp_path):
    program(tmp_path / "sacct", "echo 'sacct: error: slurm_persist_conn_open' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert status("sacct", accounting=True, age=300) == ("doubt", "only squeue", True)
    program(tmp_path / "sacct", "")
    assert status("sacct", accounting=True, age=300) == ("ok", "sacct", True)
    assert status("squeue", accounting=True, age=60) == ("doubt", "sacct", True)
    assert status("squeue", accounting=True, age=300) == ("ok", "squeue", True)
