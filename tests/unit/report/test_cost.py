"""The cost table: which attempts count, what completes them, and what is not known."""

import dataclasses
from collections import Counter

import pytest

from papertune.cluster.slurm import CUT
from papertune.cluster.slurm_accounting import FIELDS, Usage, read_sacct
from papertune.jobs.record import JobRecord, folder_of, jobs_folder, write_record
from papertune.report.cost import COST, STAGES, attempts, cost_table, job_of, jobs_of, write_cost
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout
from processes import program
from sample_study import SETTINGS
from snakemake_run import ROOT

T = 1_795_259_660.0
TRAIN = {"model": "full", "seed": "1"}
EXPERIMENT = Experiment.model_validate(
    SETTINGS | {"metrics": ["token_f1"], "comparison": {"metric": "token_f1"}}
)
JOBS = {job_of("train", TRAIN): ("train", "Full"), job_of("score", TRAIN): ("score", "Full")}


def record(start: float, status: str = "ok", took: float = 100, **fields) -> JobRecord:
    """A record of `train`, begun so many seconds after `T`."""
    whole = JobRecord(
        rule="train", wildcards=TRAIN, attempt=1, host="n1", pid=1, job="", threads=4, gpu=0,
        memory_mb=1000, runtime=60, submitted=None, started=T + start, seen=T + start + took,
        ended=T + start + took, status=status, cpu_seconds=2 * took, peak_memory=500 * 2**20,
    )  # fmt: skip
    end = {"ended": None} if status == "running" else {}
    return dataclasses.replace(whole, **end, **fields)


def usage(job: str, start: float, took: float, **fields) -> Usage:
    times = (T + start - 50, T + start, T + start + took)
    whole = Usage(job, "COMPLETED", *times, 4, None, 1000, None, None, None)
    return dataclasses.replace(whole, **fields)


def rows(records, accounted=None, jobs=JOBS) -> dict[str, dict[str, str]]:
    """Stage → its row of the table, by the beginnings of headings."""
    table = cost_table(records, accounted or {}, jobs)
    names = [column.split(" (")[0] for column in table.columns]
    return {row[0]: dict(zip(names, row, strict=True)) for row in table.rows}


def check(records, accounted=None, **expected: str) -> None:
    """Rows (``other`` is that of other runs) have these cells, headings before them."""
    found = rows(records, accounted)
    for stage, cells in expected.items():
        row = found["Other runs" if stage == "other" else stage]
        assert set(cells.split(", ")) <= {f"{name} {cell}".strip() for name, cell in row.items()}


PAGE = record(0, rule="write_page", wildcards={})
BASE = record(0, rule="download_base", wildcards={"hub": "a--b", "revision": "0" * 40})


def test_attempts_that_came_to_nothing_count_with_the_one_that_made_the_result():
    check(
        [record(0, "failed"), record(200, "interrupted"), record(400)],
        train="Jobs 1, Attempts 3, Wall time 0:05:00, CPU hours asked 0.333, CPU hours used 0.167, "
        "Peak memory 500, Memory asked 1000, GPU hours asked 0, GPU hours used 0, Energy, "
        "Queue time 0:00:00",
    )


def test_what_did_not_make_the_newest_result_stands_apart():
    check(
        [record(0, "failed"), record(200), record(400, "failed"), record(600)],
        train="Attempts 2, Wall time 0:03:20",
        other="Jobs 1, Attempts 2, Wall time 0:03:20",
    )
    check([record(0), record(200, "failed")], train="Attempts 1", other="Attempts 1")
    # jobs that the experiment has no more; the page counts nowhere
    gone = record(0, wildcards={"model": "gone", "seed": "1"})
    check([gone, PAGE, BASE, record(0)], Total="Attempts 1", other="Attempts 1")
    assert "Other runs" not in rows([PAGE, BASE, record(0)])


def test_what_is_not_known_is_no_zero():
    # of a killed attempt, a part is
    check(
        [record(0, "running", took=60, cpu_seconds=None), record(100)],
        train="Attempts 2, Wall time ≥ 0:02:40, CPU hours used ≥ 0.056, Peak memory ≥ 500, "
        "Memory asked 1000",
    )
    # a job without a record is no job without cost
    check(
        [record(0)],
        score="Jobs 1, Attempts 0, Numbers from, Wall time, CPU hours asked, Peak memory, Energy",
        train="Wall time 0:01:40",
        Total="Wall time ≥ 0:01:40",
    )
    # nobody looked how busy GPUs were
    check([record(0, gpu=2)], train="GPU hours asked 0.056, GPU hours used")
    looked = [record(200, "failed", gpu=2), record(0, gpu=2, gpu_seconds=90.0)]
    check(looked, train="GPU hours used ≥ 0.025")
    # when a job began to wait
    check([record(10, job="7")], train="Queue time")
    # but jobs that asked for no memory are no gap
    asked = [record(0, memory_mb=None), record(0, rule="score")]
    check(asked, train="Memory asked", Total="Memory asked 1000")


def test_the_accounting_completes_and_corrects_records():
    done = record(10, job="7", gpu=1, submitted=T - 20)
    said = usage(
        "7", 0, 120, cpus=8, gpus=2, cpu_seconds=300, peak_memory=600 * 2**20, energy=36_000
    )
    check(
        [done],
        {"7": [said]},
        train="Queue time 0:00:50, Wall time 0:02:00, Numbers from accounting, "
        "CPU hours asked 0.267, CPU hours used 0.083, GPU hours asked 0.067, GPU hours used, "
        "Peak memory 600, Energy 0.010",
    )
    check([done], train="Queue time 0:00:30, Numbers from records")


def test_every_start_counts_for_its_own_attempt_and_tells_the_end_of_a_killed_one():
    tried = [record(10, "running", took=60, job="7"), record(4000, job="8")]
    said = usage("7", 0, 3600, state="TIMEOUT")
    check(tried, {"7": [said]}, train="Wall time 1:01:40, Numbers from both")
    # of a job that was put back into the queue
    tried = [record(2, "running", took=3, job="3"), record(12, took=4, job="3")]
    starts = [usage("3", 0, 6, state="REQUEUED"), usage("3", 10, 8)]
    assert [attempt.wall for attempt in attempts(tried, {"3": starts})] == [6, 8]


@pytest.mark.parametrize(
    ("inside", "end"),
    [
        # Snakemake itself ran in a job, and went on for long
        ([record(5, job="7")], {}),
        # two jobs shared one of the cluster's
        ([record(5, job="7", took=3000), record(5, job="7", took=3000, rule="score")], {}),
        # an id that was given again years later
        ([record(-90_000_000, job="7", took=3500)], {}),
        # the cluster's still runs
        ([record(5, job="7", took=3500)], {"ended": None, "state": "RUNNING"}),
    ],
)
def test_a_clusters_job_that_an_attempt_does_not_fill_is_not_its_own(inside, end):
    found = attempts(inside, {"7": [usage("7", 0, 3600, energy=9, **end)]})
    for attempt, written in zip(found, inside, strict=True):
        assert (attempt.source, attempt.energy) == ("records", None)
        assert attempt.wall == written.ended - written.started


# what sacct of Slurm 22.05 said of a GPU job, a job that was put back into the queue (told apart
# from its second start by --duplicates), a short, a cancelled and a held job
SACCT = """\
1|COMPLETED|1795259660|1795259661|1795259664|00:02.018||billing=2,cpu=2,gres/gpu=1,mem=400M,node=1|billing=2,cpu=2,gres/gpu=1,mem=400M,node=1|0
1.batch|COMPLETED|1795259661|1795259661|1795259664|00:00.061|10928128||cpu=2,gres/gpu=1,mem=400M,node=1|0
1.0|COMPLETED|1795259661|1795259661|1795259664|00:01.956|111370240||cpu=2,gres/gpu=1,mem=400M,node=1|0
3|REQUEUED|1795259660|1795259661|1795259665|00:01.885||billing=1,cpu=1,gres/gpu=2,mem=200M,node=1|billing=1,cpu=1,gres/gpu=2,mem=200M,node=1|0
3.batch|CANCELLED|1795259661|1795259661|1795259665|00:00.011|11079680||cpu=1,gres/gpu=2,mem=200M,node=1|0
3.0|COMPLETED|1795259661|1795259661|1795259664|00:01.874|111300608||cpu=1,gres/gpu=2,mem=200M,node=1|0
2|COMPLETED|1795259660|1795259661|1795259662|00:00.002||billing=1,cpu=1,mem=200M,node=1|billing=1,cpu=1,mem=200M,node=1|
2.batch|COMPLETED|1795259661|1795259661|1795259662|00:00.002|3477504||cpu=1,mem=200M,node=1|0
3|COMPLETED|1795259665|1795259671|1795259679|00:02.068||billing=1,cpu=1,gres/gpu=2,mem=200M,node=1|billing=1,cpu=1,gres/gpu=2,mem=200M,node=1|0
3.batch|COMPLETED|1795259671|1795259671|1795259679|00:00.010|10653696||cpu=1,gres/gpu=2,mem=200M,node=1|0
3.0|COMPLETED|1795259671|1795259671|1795259674|00:02.057|111173632||cpu=1,gres/gpu=2,mem=200M,node=1|0
5|CANCELLED by 0|1795259665|1795259665|1795259665|00:00.001||billing=1,cpu=1,mem=200M,node=1|billing=1,cpu=1,mem=200M,node=1|
5.batch|CANCELLED|1795259665|1795259665|1795259665|00:00.001|||cpu=1,mem=200M,node=1|0
6|PENDING|1795259665|Unknown|Unknown|00:00:00||billing=1,cpu=1,mem=200M,node=1||0
""".replace("|", CUT)  # noqa: E501


def test_what_sacct_says_is_read():
    found = read_sacct(SACCT)
    [gpu] = found["1"]
    assert gpu == Usage("1", "COMPLETED", T, T + 1, T + 4, 2, 1, 400, 2.018, 111_370_240, None)
    assert [(u.state, u.started, u.ended, u.gpus, u.cpu_seconds) for u in found["3"]] == [
        ("REQUEUED", T + 1, T + 5, 2, 1.885),
        ("COMPLETED", T + 11, T + 19, 2, 2.068),
    ]
    assert [u.peak_memory for u in found["3"]] == [111_300_608, 111_173_632]
    assert found["2"][0].peak_memory == 3_477_504
    assert (found["5"][0].state, found["5"][0].peak_memory) == ("CANCELLED", None)
    [held] = found["6"]
    assert (held.state, held.started, held.ended, held.cpu_seconds) == ("PENDING", None, None, None)
    assert [job for job in found if not found[job][-1].final] == ["6"]


@pytest.mark.parametrize(
    ("field", "text", "name", "value"),
    [
        ("AllocTRES", "cpu=8,gres/gpu:a100=2,gres/gpu:v100=1", "gpus", 3),
        ("AllocTRES", "cpu=8,gres/gpu=2,gres/gpu:a100=2", "gpus", 2),
        ("TotalCPU", "1-02:03:04", "cpu_seconds", 26 * 3600 + 184),
        ("ReqTRES", "cpu=1,mem=1.50G", "memory_mb", 1536),
        ("ConsumedEnergyRaw", "1234", "energy", 1234),
        ("MaxRSS", "2048K", "peak_memory", 2 * 2**20),
        ("End", "None", "ended", None),
        ("End", "None", "final", False),
        ("Start", "2026-11-21T11:14:20", "final", True),
    ],
)
def test_what_other_sites_say_is_read_too(field, text, name, value):
    usual = "9|COMPLETED|1795259660|1795259661|1795259664|00:01||cpu=1,mem=1G|cpu=1,mem=1G|"
    row = dict(zip(FIELDS, usual.split("|"), strict=True)) | {field: text}
    found = read_sacct(CUT.join(row.values()))["9"][0]
    assert getattr(found, name) == value and found.started is not None


def test_an_experiments_jobs_are_those_that_are_planned():
    counts = Counter(stage for stage, _ in jobs_of(Layout("demo", EXPERIMENT)).values())
    assert counts == {
        "list_documents": 20, "fetch_documents": 20, "render_documents": 20, "keep_apart": 2,
        "synthesize": 4,
        "pretrain_base": 1, "train": 4, "answer": 10, "score": 10, "compare": 1,
    }  # fmt: skip
    assert list(counts) == [stage for stage in STAGES if stage in counts]
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    assert all(f"rule {stage}:" in rules for stage in STAGES)


def test_a_price_makes_an_estimate_of_the_hours_that_gpus_were_held():
    wildcards = {"generator": "cloze", "split": "test"}  # one stage wherever it is done
    jobs = JOBS | {job_of("synthesize", wildcards): ("synthesize", "Cloze")}
    records = [record(0, "running", took=3600, gpu=2), record(4000, took=1800, gpu=2)]
    records.append(record(0, rule="synthesize_here", wildcards=wildcards))
    table = cost_table(records, {}, jobs, 2.5)
    assert table.columns[-1] == COST not in cost_table(records, {}, JOBS).columns
    # 2 GPUs for an hour at least, then for half an hour; what used none costs nothing
    found = {row[0]: row[-1] for row in table.rows}
    assert found["train"] == found["Total"] == "≥ 7.50" and found["synthesize"] == "0.00"


def test_what_the_accounting_said_is_kept_for_when_it_forgets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for written in (record(0, "failed", job="7"), record(200, job="8")):
        write_record(folder_of(jobs_folder("mine"), "train", TRAIN), written)

    def cost() -> dict[tuple[str, ...], list[str]]:
        table = write_cost(Layout("mine", EXPERIMENT), "results/mine/tables")
        return {tuple(row[:2]): row[2:5] for row in table.rows}

    end = f"{T + 100:.0f}|{T + 190:.0f}|{T + 310:.0f}"
    line = f"8|COMPLETED|{end}|00:09:00||mem=2G|cpu=4|0".replace("|", CUT)
    tool = program(tmp_path / "bin/sacct", f"echo \"$@\" >> {tmp_path}/asked.txt\necho '{line}'")
    monkeypatch.setenv("PATH", str(tool.parent), prepend=":")
    for _ in range(2):
        # numbers from the accounting and from records; a job for each seed
        assert cost()["train", "Full fine-tuning"] == ["both", "2", "2"]
    assert cost()["train", "LoRA"] == ["", "2", "0"]
    assert cost()["Total", ""] == ["both", "92", "2"]
    first, second = (tmp_path / "asked.txt").read_text().splitlines()[:2]
    assert "--jobs=7,8 " in first and "--starttime=2026-11-2" in first
    assert "--jobs=7 " in second
    program(tool, "exit 1")
    assert cost()["train", "Full fine-tuning"] == ["both", "2", "2"]
