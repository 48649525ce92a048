"""Jobs of a run on this machine are copies of a process that has loaded torch and what else takes long.

Loading takes a job ten seconds, and after one more paper most jobs have less than that to do. Each is a
process all the same, with its own folder, environment, limits, network and output; only third-party
libraries are there when it starts, and nothing of the project. ``warm_start/sitecustomize.py`` hands
jobs over, stands for them and ends as they end. When the process is killed its copies die with it, and
their jobs begin by themselves. Where there is a GPU nothing of it is used: what a process has asked its
driver cannot be copied.

This file is run by itself (``python -P warm.py ADDRESS OWNER [LIBRARY ...]``) and imports nothing of the
project.
"""

import atexit
import contextlib
import ctypes
import functools
import gc
import importlib
import json
import os
import resource
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, cast

ADDRESS = "WARM_JOBS"  # the variable that tells Python's start where the process listens
LOADED = "loaded"  # the file beside it that is there as soon as all is loaded
COLD = "PAPERTUNE_COLD"  # the variable with which a user has each job start by itself
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
START = Path(__file__).with_name("warm_start")
# what jobs that load a model or an embedder import first or last
LIBRARIES = [
    *("snakemake.script", "pydantic", "yaml", "tqdm", "jinja2"),
    *("torch", "transformers", "transformers.trainer", "transformers.generation.utils", "peft"),
    *("transformers.models.llama.modeling_llama", "transformers.models.gpt2.modeling_gpt2"),
    *("sentence_transformers", "scipy.stats", "sacrebleu", "rouge_score.rouge_scorer"),
    "threadpoolctl",
]
# as papertune.models.loading sets them; jobs that ask the Hub start by themselves. A process with threads
# cannot be copied: a copy has those that its job asks for
READ_WHEN_LOADED = {
    **dict.fromkeys(("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"), "1"),
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    "TOKENIZERS_PARALLELISM": "false",
}


def begin() -> None:
    """Load the libraries beside what this process does, for the jobs that it starts from now on.

    Jobs that need them wait for that, and others that start before begin by themselves. The process
    ends with the last job after this one has ended. Nobody but this user can reach it: its folder is
    closed to others.
    """
    if os.environ.get(COLD) or os.environ.get(ADDRESS) or not hasattr(os, "pidfd_open"):
        return
    folder = Path(tempfile.mkdtemp(prefix="papertune-warm-"))
    address = folder / "jobs"
    start(address, os.getpid(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.environ.update(environment_of(address))


def start(address: Path, owner: int, *libraries: str, **how: Any) -> "subprocess.Popen[bytes]":
    """The process; it says ``ready`` when all is loaded. Signals to the owner's group do not reach it.

    ``libraries`` are loaded in the place of :data:`LIBRARIES`.
    """
    return subprocess.Popen(
        [sys.executable, "-P", __file__, str(address), str(owner), *libraries],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | READ_WHEN_LOADED,
        **how,
    )


def environment_of(address: Path) -> dict[str, str]:
    """What jobs have in their environment that are handed over."""
    path = os.pathsep.join(filter(None, [str(START), os.environ.get("PYTHONPATH")]))
    return {ADDRESS: str(address), "PYTHONPATH": path}


def listening(address: str) -> socket.socket:
    """Where jobs may ask from now on; they are answered when all is loaded."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen(64)
    return server


def serve(server: socket.socket, owner: int) -> None:
    """Start a copy for every connection and kill it when that ends; until the owner and all jobs have."""
    owned = os.pidfd_open(owner)
    ended, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # a job step of a cluster is its group: all of its processes have each signal
    jobs: dict[socket.socket, tuple[int, Callable[[int, int], None]]] = {}

    def send(line: socket.socket, number: int) -> int:
        pid, how = jobs[line]
        with contextlib.suppress(ProcessLookupError):
            how(pid, number)
        return pid

    print("ready", flush=True)
    waiting: list[Any] = [owned, ended, server]
    while jobs or server in waiting:
        for ready in select.select([*waiting, *jobs], [], [])[0]:
            if ready == owned:  # jobs live on, as those do that start by themselves
                waiting = [ended]
                server.close()
            if ready == ended:
                os.read(ended, 4096)
                for line, (pid, _) in list(jobs.items()):
                    done, status = os.waitpid(pid, os.WNOHANG)
                    if done:
                        del jobs[line]
                        with line, contextlib.suppress(BrokenPipeError):
                            line.sendall(status.to_bytes(4))
            elif ready is server and server in waiting:
                line, _ = server.accept()
                line.settimeout(10)  # one that is frozen now is not waited for
                files: list[int] = []
                try:
                    size, files, *_ = socket.recv_fds(line, 8, 4)
                    asked = json.loads(_received(line, int.from_bytes(size, "big")))
                except (OSError, ValueError):  # killed before it had asked: the others go on
                    for file in files:
                        os.close(file)
                    line.close()
                    continue
                line.settimeout(None)
                try:
                    pid = os.fork()
                except OSError:  # no room for one more: the job begins by itself
                    pid = -1
                if pid > 0:
                    jobs[line] = pid, os.killpg if "--mode" in asked["command"] else os.kill
                    with contextlib.suppress(OSError):
                        os.setpgid(pid, pid)  # as the copy does: whoever is first
                elif not pid:
                    try:
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        run(asked, files, line.fileno())
                    finally:  # its output cannot be written: it is not to go on as this process
                        os._exit(120)
                else:
                    line.close()
                for file in files:
                    os.close(file)
            elif ready in jobs:
                if number := ready.recv(1):
                    send(ready, number[0])
                else:
                    os.waitpid(send(ready, signal.SIGKILL), 0)
                    del jobs[ready]
                    ready.close()


def _received(line: socket.socket, size: int) -> bytes:
    """So many bytes and no more: those after them are signals, of a job that waits since long."""
    found = b""
    while len(found) < size and (more := line.recv(min(size - len(found), 2**16))):
        found += more
    return found


def run(asked: dict[str, Any], files: list[int], line: int) -> NoReturn:
    """Be the process that was asked for; whoever asked for it sees at the line's end that it is gone."""
    code = 1
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(DIE_WITH_PARENT, signal.SIGKILL)
    try:
        os.setpgid(0, 0)
        *streams, network = files
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        other = os.fstat(network).st_ino != os.stat("/proc/self/ns/net").st_ino
        if other and libc.setns(network, 0):
            raise OSError(ctypes.get_errno(), "no such network")
        os.dup2(line, 3, inheritable=False)
        os.closerange(4, 1024)  # what the server holds is not the job's
        os.chdir(asked["folder"])
        os.umask(asked["umask"])
        for kind, limits in asked["limits"].items():
            resource.setrlimit(int(kind), limits)
        os.environ.clear()
        os.environ.update(asked["environment"])
        tempfile.tempdir = None  # is where the job's environment says
        if (threads := os.environ.get("OMP_NUM_THREADS", "")).isdigit():
            with contextlib.suppress(ImportError):
                importlib.import_module("threadpoolctl").threadpool_limits(int(threads))
        sys.orig_argv = [sys.executable, *asked["command"]]
        match asked["command"]:
            case ["-m", module, *arguments]:
                sys.argv, sys.path = [module, *arguments], asked["path"]
                be = functools.partial(runpy.run_module, module, alter_sys=True)
            case [script, *arguments]:
                folder = str(Path(script).parent)
                sys.argv, sys.path = [script, *arguments], [folder, *asked["path"]]
                be = functools.partial(runpy.run_path, script)
        if first := os.environ.get("WARM_JOBS_FIRST"):  # a script of the test's
            runpy.run_path(first)
        be(run_name="__main__")
        code = 0
    except SystemExit as left:
        if isinstance(left.code, str):
            print(left.code, file=sys.stderr)
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        traceback.print_exc()
    cast("Any", threading)._shutdown()  # as every Python ends, and a copy does not
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def load(libraries: list[str]) -> None:
    """Load what copies are to have; with a GPU this ends."""
    if "peft" in libraries:
        # a fifth of the time, and few jobs need it: they ask for it (papertune.models.quantization)
        sys.modules["bitsandbytes"] = cast("Any", None)
        asked = importlib.import_module("peft.import_utils")
        asked.is_bnb_available(), asked.is_bnb_4bit_available()
        del sys.modules["bitsandbytes"]
    for library in libraries:
        importlib.import_module(library)
    if "torch" in sys.modules and sys.modules["torch"].accelerator.is_available():
        sys.exit("a GPU's driver knows one process")
    finalizers = cast("Any", weakref.finalize)._registry.values()
    for finalizer in finalizers:  # libraries': half of a copy's time
        finalizer.atexit = False
    gc.freeze()  # or each copy would write to all of it when it first collects


if __name__ == "__main__":
    place, run_by, *libraries = sys.argv[1:]
    try:
        asking = listening(place)
        load(libraries or LIBRARIES)
        Path(place).with_name(LOADED).touch()
        serve(asking, int(run_by))
    finally:
        shutil.rmtree(Path(place).parent)
