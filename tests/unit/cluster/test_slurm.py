"""What Slurm's commands print, as Slurm 22.05 printed it, and what is read out of it."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from snakemake_executor_plugin_slurm import ExecutorSettings

from papertune.cluster import slurm
from papertune.cluster.checks import check_status
from papertune.cluster.slurm import ClusterError, Configuration, read_configuration, read_queue
from papertune.cluster.slurm_partitions import minutes_of, read_sinfo

# sinfo --noheader --exact --format=%P|%a|%l|%D|%c|%m|%G|%f|%t
SINFO = """\
cpu*|up|1:00:00|1|16|64000|(null)|(null)|idle
gpu|up|2-03:00:00|1|16|64000|gpu:toy:2|(null)|drain
gpu|up|2-03:00:00|1|16|64000|gpu:toy:2|(null)|mix
urgent|down|infinite|2|16|64000|gpu:toy:2|(null)|down
"""
# scontrol show config, shortened
CONFIG = """\
Configuration data as of 2026-11-21T11:14:16
AccountingStorageEnforce = associations,limits,qos
AccountingStorageType   = accounting_storage/slurmdbd
MaxArraySize            = 1001
MinJobAge               = 3600 sec
MULTIPLE_SLURMD         = Yes
SLURM_VERSION           = 22.05.8
TaskPluginParam         = (null type)

Slurmctld(primary) at vm is UP
"""
RUN = "0b3b1a0e-1111-4222-8333-123456789012"
# squeue --noheader --array --format=%i %j %T %Z %k, with a separator that stands in no comment
QUEUE = f"""\
15_2\x1fours_{RUN}\x1fPENDING\x1f/tmp/d\x1frule_train_wildcards_isca_lora_1
16\x1fwrap\x1fRUNNING\x1f/tmp/d\x1frule_x|y
17\x1f{RUN}\x1fCOMPLETING\x1f/tmp/d\x1f(null)
"""


def test_partitions_are_read_with_their_nodes():
    cpu, gpu, urgent = read_sinfo(SINFO)
    assert (cpu.name, cpu.default, cpu.up, cpu.minutes) == ("cpu", True, True, 60)
    assert (gpu.name, gpu.default, gpu.minutes) == ("gpu", False, 51 * 60)
    assert [(dict(shape.gpus), shape.up) for shape in gpu.shapes] == [
        ({"toy": 2}, 0),
        ({"toy": 2}, 1),
    ]
    assert (urgent.up, urgent.minutes, urgent.shapes[0].up) == (False, None, 0)
    assert (cpu.shapes[0].cpus, cpu.shapes[0].memory_mb, dict(cpu.shapes[0].gpus)) == (
        16,
        64000,
        {},
    )


@pytest.mark.parametrize(
    ("gres", "gpus"),
    [
        ("(null)", {}),
        ("gpu:4", {"": 4}),
        ("gpu:a100:4(S:0-1)", {"a100": 4}),
        ("gpu:a100:2(S:0),gpu:v100:1(S:1),lustre:1", {"a100": 2, "v100": 1}),
        ("gpu:a100_1g.5gb:7", {"a100_1g.5gb": 7}),
        ("shard:8", {}),
    ],
)
def test_gpus_of_a_node_are_counted_by_model(gres, gpus):
    (partition,) = read_sinfo(f"gpu|up|1:00:00|1|16|64000|{gres}|ib,a|idle~\n")
    assert dict(partition.shapes[0].gpus) == gpus
    assert partition.shapes[0].up == 1


@pytest.mark.parametrize("state", ["down*", "drng", "idle*", "maint", "drain$"])
def test_nodes_that_take_no_jobs_do_not_count(state):
    (partition,) = read_sinfo(f"gpu|up|1:00:00|3|16|64000|(null)|(null)|{state}\n")
    assert partition.shapes[0].up == 0


def test_limits_of_time_are_read():
    assert minutes_of("infinite") is None
    assert minutes_of("10:30") == 10.5
    assert minutes_of("1-00:00:00") == 1440


def test_the_configuration_says_what_runs_depend_on():
    found = read_configuration(CONFIG)
    assert (found.version, found.accounting, found.forgets_after) == ("22.05.8", True, 3600)
    assert time.strftime("%H:%M:%S", time.localtime(found.now)) == "11:14:16"
    none = CONFIG.replace("accounting_storage/slurmdbd", "accounting_storage/none")
    assert not read_configuration(none).accounting


def test_jobs_of_snakemake_are_told_from_others():
    train, wrap, foreign = read_queue(QUEUE)
    assert train.of_a_run and not wrap.of_a_run and not foreign.of_a_run
    assert (train.id, train.folder, train.state) == ("15_2", "/tmp/d", "PENDING")
    assert str(train) == "train isca_lora_1"


def test_a_command_that_is_not_there_or_hangs_or_fails_is_an_error_in_words():
    with pytest.raises(ClusterError, match="no-such-command is not installed"):
        slurm.ask("no-such-command")
    with pytest.raises(ClusterError, match="sleep did not answer within"):
        slurm.ask("sleep", "10", seconds=0.1)
    with pytest.raises(ClusterError, match=r"sh: second$"):
        slurm.ask("sh", "-c", "echo first >&2; echo second >&2; exit 3")


# ---- who tells how jobs ended -------------------------------------------------


def executor(**settings):
    return SimpleNamespace(workflow=SimpleNamespace(executor_settings=ExecutorSettings(**settings)))


def status(chosen: str, accounting: bool, age: int, first_look: int = 20):
    """The state of the finding, and the command that is asked after it."""
    runs = executor(status_command=chosen, init_seconds_before_status_checks=first_look)
    configuration = Configuration("22.05.8", accounting, age, time.time())
    (finding,) = check_status(runs, configuration)
    settings = runs.workflow.executor_settings
    return finding.state, settings.status_command, settings.status_attempts > 5


def test_without_accounting_only_the_queue_is_asked():
    # not "squeue": while the controller is away, the plugin would turn from that to sacct
    assert status("squeue", accounting=False, age=300) == ("ok", "only squeue", True)
    assert status("sacct", accounting=False, age=300) == ("doubt", "only squeue", True)


@pytest.mark.parametrize("age", [120, 0])
def test_a_queue_that_forgets_too_early_is_refused_without_accounting(age):
    assert status("squeue", accounting=False, age=age)[0] == "wrong"
    assert status("sacct", accounting=False, age=age)[0] == "wrong"


def test_a_late_first_look_needs_a_longer_memory():
    assert status("squeue", accounting=False, age=300, first_look=120)[0] == "wrong"


def test_accounting_that_does_not_answer_is_none(monkeypatch, tmp_path):
    program = tmp_path / "sacct"
    program.write_text("#!/bin/sh\necho 'sacct: error: slurm_persist_conn_open' >&2; exit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert status("sacct", accounting=True, age=300) == ("doubt", "only squeue", True)
    program.write_text("#!/bin/sh\n")
    assert status("sacct", accounting=True, age=300) == ("ok", "sacct", True)
    assert status("squeue", accounting=True, age=60) == ("doubt", "sacct", True)
    assert status("squeue", accounting=True, age=300) == ("ok", "squeue", True)
