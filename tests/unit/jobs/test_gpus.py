"""Which GPUs concurrent jobs use on a machine without a scheduler."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from accounts import NOBODY, as_user, everybodys
from papertune.jobs.gpus import VISIBLE, own_gpus
from processes import program, python

JOB = """
import logging, os, sys
from papertune.jobs.gpus import own_gpus
logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s")
with own_gpus(int(sys.argv[1])):
    print(os.environ.get("CUDA_VISIBLE_DEVICES", "all"), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def machine(tmp_path, monkeypatch) -> Path:
    """A machine with three GPUs, as far as its driver's tool says; returns that tool."""
    lines = "".join(f"echo GPU-{name}, [N/A]\n" for name in "abc")
    tool = program(tmp_path / "bin/nvidia-smi", lines)
    monkeypatch.setenv("PATH", f"{tool.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.delenv(VISIBLE, raising=False)
    return tool


@contextmanager
def job(gpus: int) -> Iterator[tuple[list[str], subprocess.Popen[str]]]:
    """A job that has taken its GPUs and works; what it told."""
    process = python(JOB, gpus, stdin=subprocess.PIPE, stderr=None)
    assert process.stdout is not None
    said = [process.stdout.readline().strip()]
    if "shared" in said[0]:
        said.append(process.stdout.readline().strip())
    try:
        yield said, process
    finally:
        process.kill()
        process.communicate()


def test_jobs_that_run_at_once_have_gpus_of_their_own(machine):
    with job(1) as (first, process), job(1) as (second, _):
        assert (first, second) == (["GPU-a"], ["GPU-b"])
        process.kill()
        process.wait()
        with job(2) as (third, _):  # what the killed one had is free
            assert third == ["GPU-a,GPU-c"]
    with job(1) as (again, _):
        assert again == ["GPU-a"]


def test_where_too_few_are_free_some_are_shared_and_that_is_said(machine):
    with job(2), job(2) as (second, _):
        assert "1 of 3 GPUs are free, 2 requested" in second[0]
        assert second[1] == "GPU-c,GPU-a"


@pytest.mark.parametrize("planted", ["a folder of links", "a folder of fifos", "a link"])
def test_what_another_account_made_first_empties_no_file_and_holds_up_nobody(
    machine, monkeypatch, planted
):
    with everybodys() as temporary:
        monkeypatch.setenv("TMPDIR", str(temporary))
        precious = machine.with_name("precious")
        precious.write_text("mine")
        name = temporary / f"papertune-gpus-{os.getuid()}"

        def plant() -> None:
            folder = temporary / "of-nobody" if planted == "a link" else name
            folder.mkdir(mode=0o777)
            for gpu in "abc":
                path = folder / f"GPU-{gpu}"
                os.mkfifo(path) if "fifo" in planted else path.symlink_to(precious)
            if planted == "a link":
                name.symlink_to(folder)

        assert as_user(NOBODY, [], plant)
        said, _ = python(JOB, 1, stdin=subprocess.DEVNULL).communicate(timeout=120)
        assert precious.read_text() == "mine"
        assert "GPUs cannot be taken" in said and said.endswith("GPU-a\n"), said


@pytest.mark.parametrize(
    ("count", "says", "chosen"),
    [
        (1, "echo GPU-a, [N/A]", {}),
        (1, "exit 9", {}),
        (1, "echo GPU-a, Enabled; echo GPU-b, Enabled", {}),
        (0, "touch $0.asked", {}),  # no GPU was wanted
        (1, "touch $0.asked", {VISIBLE: "2"}),  # by a scheduler
    ],
)
def test_without_a_choice_nothing_is_chosen(machine, monkeypatch, count, says, chosen):
    program(machine, says)
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    with own_gpus(count):
        assert os.environ.get(VISIBLE) == chosen.get(VISIBLE)
    assert not machine.with_name("nvidia-smi.asked").exists()
