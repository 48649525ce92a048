"""Torch's elastic agent on each node of a job, and the worker processes that it starts.

The agent reports the process that failed, ends the others and informs the job. ``torchrun`` is the
same agent; here the rendezvous is a file, no port is opened, and no process unpickles data.
"""

import ctypes
import json
import logging
import os
import signal
import stat
import sys
import tempfile
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from papertune.errors import PapertuneError, TrainingError, TryAgain
from papertune.jobs import distributed, stopping
from papertune.jobs.causes import in_words
from papertune.jobs.progress import SHARD, quieten
from papertune.owned import held_folder

log = logging.getLogger("papertune")

COMMAND = ("-P", "-m", "papertune.jobs.agent")  # -P: no module of the working directory
TASK = "task.json"  # in the job's folder
FAILED, STOPPED = "WORKER-FAILED", "WORKER-STOPPED"  # lines for the job, not for its log
TOLD = os.EX_SOFTWARE  # exit status of a process that has reported why it failed
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


def run_agent(task: dict[str, Any], own: Path, folder: str) -> int:
    """Start this node's processes and wait for them; report failures to the job.

    ``own`` is the job's ``folder`` as opened by this process.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    # torch itself would kill them if a step takes longer than 30 s
    signal.signal(signal.SIGTERM, _pass_on)
    from papertune.jobs.meeting import Meeting

    try:
        meeting = Meeting(own, task["nodes"])
    except TrainingError as error:
        _tell(error, known=True)
        return 1
    with tempfile.TemporaryDirectory(prefix="papertune-agent-") as logs:
        config = LaunchConfig(
            min_nodes=task["nodes"],
            max_nodes=task["nodes"],
            nproc_per_node=task["each"],
            logs_specs=DefaultLogsSpecs(log_dir=logs),
            run_id=meeting.get_run_id(),
            rdzv_backend=meeting.register(),
            max_restarts=0,
            signals_to_handle="SIGINT",
        )
        try:
            elastic_launch(config, sys.executable)(*COMMAND, folder)
        except ChildFailedError as error:
            for rank, failure in error.failures.items():
                if failure.exitcode not in (TOLD, stopping.STATUS):
                    _tell_end(_who(task, rank), failure.exitcode, failure.timestamp)
            return 1
        except SignalException:
            return 128 + signal.SIGINT
    return 0


def _pass_on(number: int, frame: FrameType | None) -> None:
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            child.send_signal(number)


def _tell(error: PapertuneError, who: str = "", **more: Any) -> None:
    """Report to the job why a process fails."""
    said = {"what": f"{who}{error.what}", "where": error.where, "hint": error.hint}
    kind = {"again": isinstance(error, TryAgain), "at": time.time()}
    _say(FAILED, json.dumps(said | kind | more))


def _say(kind: str, what: str) -> None:
    """Write a line for the job at once: other processes write to the same pipe."""
    sys.stdout.write(f"{kind} {what}\n")
    sys.stdout.flush()


def _tell_end(who: str, code: int, at: float) -> None:
    """Report to the job a process that failed without giving a reason."""
    if code < 0:
        error = PapertuneError(
            f"{who} was killed by {signal.Signals(-code).name}",
            hint="most often memory ran out, as each process loads its own model: raise "
            "compute.memory_mb, or lower compute.shards; finished work is kept",
        )
        _tell(error, at=at, signal=-code)
    else:
        hint = "see its messages in the log; finished work is kept"
        _tell(PapertuneError(f"{who} ended with status {code}", hint=hint), at=at)


def run_worker(task: dict[str, Any], own: Path) -> int:
    """Run one of the worker processes."""
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    rank, shard = int(os.environ["RANK"]), "parts" in task
    if shard:
        os.environ[SHARD] = str(rank + 1)
        for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):  # hide the other shards from libraries
            del os.environ[name]
        if task["gpus"][rank]:
            os.environ["CUDA_VISIBLE_DEVICES"] = task["gpus"][rank]
    who = _who(task, rank)
    _log_to_job(
        logging.WARNING if rank and not shard else logging.INFO, who if rank or shard else ""
    )

    def say_stopped() -> None:
        with suppress(OSError):  # the job may be gone
            _say(STOPPED, f"{stopping.requested()} to {who}")

    stopping.install()
    stopping.guard()
    stopping.last_words = say_stopped
    threading.Thread(target=_stop_when_alone, daemon=True).start()
    module, _, name = task["work"].partition(":")
    try:
        if not shard:
            places = distributed.join(own)
            log.info("%d processes: %s", len(places), ", ".join(places))
        work = distributed.shared_by_name(module, name)
        with in_words():
            if shard:
                work(task["parts"][rank], **task["arguments"])
                return 0
            from pydantic import validate_call

            validate_call(work)(**task["arguments"])
            distributed.leave()
        return 0
    except stopping.Interrupted:
        say_stopped()
        # other processes end on request, not after the agent's timeout; busy threads of torch would
        # abort when Python exits
        os._exit(0)
    except PapertuneError as error:
        _tell(error, f"{who}: " if shard else "", known=True)
    except Exception as error:
        for line in traceback.format_exc().splitlines():
            log.error("%s", line)
        hint = (
            "its traceback is in the log; if it lost the connection to another process, that one "
            "was killed or its node died"
        )
        _tell(PapertuneError(f"{who}: {type(error).__name__}: {error}", hint=hint))
    return TOLD


def _log_to_job(level: int = logging.INFO, who: str = "") -> None:
    """Log to the job's pipe with level and sender (``who``)."""
    form = f"%(levelname)s {f'{who}: ' if who else ''}%(message)s"
    logging.basicConfig(level=level, format=form, stream=sys.stderr, force=True)
    quieten()


def _who(task: dict[str, Any], rank: int) -> str:
    number = f"{rank + 1}/{task['nodes'] * task['each']}"
    return f"shard {number}" if "parts" in task else f"process {number}"


def _stop_when_alone() -> None:
    """Ask this process to stop when its job asks for it or is gone.

    Some launchers connect only the first process to the job, as ``mpirun`` does: the others stop
    where that one does.
    """
    mode = os.fstat(0).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):  # /dev/null also looks closed
        return
    while os.read(0, 1):
        pass
    stopping.request("a closed input")


if __name__ == "__main__":
    own = held_folder(sys.argv[1])
    task = json.loads((own / TASK).read_text(encoding="utf-8"))
    if "TORCHELASTIC_RUN_ID" in os.environ:  # started by the agent
        sys.exit(run_worker(task, own))
    _log_to_job(logging.ERROR)
    sys.exit(run_agent(task, own, sys.argv[1]))
