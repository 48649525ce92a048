"""The records that jobs leave of themselves, made by real processes."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from papertune.cluster.slurm_accounting import accounting
from papertune.jobs.record import JobRecord, folder_of, own_job, own_peak, read_records_below
from processes import busy, program, python, recorded_job, wait_for

SPIN = "end = time.process_time() + 0.6\n    while time.process_time() < end: pass"
HOLD = "import time; held = bytes(range(256)) * 400_000; time.sleep(1)"
WAIT = "while True: time.sleep(0.05); stopping.check()"


def start(folder: Path, work: str, gpu: int = 0, **environment: str) -> subprocess.Popen[str]:
    return python(recorded_job(work, gpu), cwd=folder, environment=environment)


def records(folder: Path) -> list[JobRecord]:
    return read_records_below([folder / "logs/mine/jobs"])


def run(folder: Path, work: str, **more) -> tuple[int, JobRecord]:
    process = start(folder, work, **more)
    process.communicate(timeout=60)
    return process.returncode, records(folder)[-1]


def test_a_job_that_ends_well_says_what_it_took(tmp_path):
    before = time.time()
    status, record = run(tmp_path, f"subprocess.run([sys.executable, '-c', {HOLD!r}])\n    {SPIN}")
    assert (status, record.status, record.attempt) == (0, "ok", 1)
    assert (record.rule, record.wildcards) == ("train", {"model": "full", "seed": "1"})
    assert (record.threads, record.gpu, record.memory_mb, record.runtime) == (2, 0, 700, 9)
    assert before - 1 <= record.started <= record.ended <= time.time()
    assert 1.6 <= record.ended - record.started < 30 * busy(least=1)
    assert record.cpu_seconds >= 0.6
    assert record.peak_memory >= 102_400_000, "the child's memory is the job's"
    assert (record.job, record.submitted, record.gpu_seconds) == ("", None, None)
    [path] = (tmp_path / "logs/mine/jobs/train/full/1").iterdir()
    assert path.name.endswith(f"-{record.host}-{record.pid}.json")


@pytest.mark.parametrize(
    ("work", "code", "status"),
    [
        ("raise PapertuneError('no')", 1, "failed"),
        ("sys.exit('no')", 1, "failed"),
        ("sys.exit(3)", 3, "failed"),
        (f"os.kill(os.getpid(), signal.SIGTERM)\n    {WAIT}", 75, "interrupted"),
    ],
)
def test_a_job_that_fails_or_is_stopped_says_so(tmp_path, work, code, status):
    found, record = run(tmp_path, work)
    assert (found, record.status) == (code, status)
    assert record.ended is not None


def test_a_killed_job_leaves_what_was_known_of_it(tmp_path):
    process = start(tmp_path, f"{SPIN}\n    {WAIT}")
    process.stdout.readline()
    [record] = records(tmp_path)
    assert (record.status, record.cpu_seconds) == ("running", None)
    wait_for(lambda: (records(tmp_path)[0].cpu_seconds or 0) >= 0.5)
    process.kill()
    process.communicate(timeout=60)
    [record] = records(tmp_path)
    assert (record.status, record.ended) == ("running", None)
    assert record.cpu_seconds >= 0.5
    assert record.seen > record.started + 0.5


def test_attempts_count_from_the_last_good_end(tmp_path):
    numbers = [run(tmp_path, work)[1].attempt for work in ("1 / 0", "sys.exit(75)", "pass")]
    process = start(tmp_path, WAIT)
    process.stdout.readline()
    process.kill()
    process.communicate(timeout=60)
    numbers += [records(tmp_path)[-1].attempt, run(tmp_path, "pass")[1].attempt]
    assert numbers == [1, 2, 3, 1, 2]


def test_a_record_that_cannot_be_written_stops_no_work(tmp_path):
    folder = tmp_path / "logs/mine"
    folder.mkdir(parents=True)
    (folder / "jobs").write_text("in the way")
    process = start(tmp_path, "time.sleep(0.5); print('done')")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "done" in out
    assert err.count("cannot be recorded") == 1


def test_what_cannot_be_read_is_no_record_and_wildcards_cannot_lead_elsewhere(tmp_path):
    assert folder_of("jobs", "r", {"hub": "a/../b", "n": ".."}) == Path("jobs/r/a_.._b/_")
    run(tmp_path, "pass")
    folder = tmp_path / "logs/mine/jobs/train"
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"rule": "train"}'), ("d", "\xff")):
        (folder / f"{name}.json").write_text(text, encoding="latin-1")
    assert len(records(tmp_path)) == 1


def test_a_small_process_of_a_big_one_is_small():
    big = bytes(range(256)) * 800_000
    process = python("from papertune.jobs.record import own_peak; print(own_peak())")
    assert int(process.communicate()[0]) < len(big) < own_peak()


def driver(folder: Path, says: str) -> dict[str, str]:
    """A stand-in for the driver's tool, which notes what it was asked."""
    program(folder / "bin/nvidia-smi", f'echo "$@" >> {folder}/asked.txt\n{says}')
    return {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}


def test_busy_gpus_are_added_up(tmp_path):
    path = driver(tmp_path, "printf '100\\n50\\n'")
    _, record = run(tmp_path, "time.sleep(2)", gpu=2, CUDA_VISIBLE_DEVICES="4,5", **path)
    assert 1.5 * 1.5 <= record.gpu_seconds <= 1.5 * (record.ended - record.started)
    assert "--id=4,5" in (tmp_path / "asked.txt").read_text()


@pytest.mark.parametrize(("gpu", "says"), [(1, "echo '[N/A]'"), (1, "exit 9"), (0, "echo 100")])
def test_what_gpus_do_not_say_is_not_known(tmp_path, gpu, says):
    _, record = run(tmp_path, "time.sleep(1)", gpu=gpu, **driver(tmp_path, says))
    assert record.gpu_seconds is None
    assert (tmp_path / "asked.txt").exists() == bool(gpu)


# ---- without a cluster ------------------------------------------------------


def test_without_a_cluster_nothing_is_asked(tmp_path, monkeypatch):
    asked = tmp_path / "asked.txt"
    for name in ("sacct", "scontrol"):
        program(tmp_path / name, f"echo {name} >> {asked}\nexit 1")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert own_job() == ("", None)
    assert accounting([""]) == {}
    assert not asked.exists()
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert own_job() == ("7", None)
    assert accounting(["7"]) == {}
    assert asked.read_text().split() == ["scontrol", "sacct"]
