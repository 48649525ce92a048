"""Fork local jobs from a process that has already loaded torch and other slow libraries.

Loading takes ten seconds per job, and after one added paper most jobs have less work than that.
Each job is still its own process, with its own folder, environment, limits, network and output;
only third-party libraries are preloaded, nothing of the project. ``warm_start/sitecustomize.py``
hands jobs over, stands in for them and ends as they end. If the server is killed, its copies die
with it, and their jobs start by themselves. With a GPU none of this is used: a forked process
cannot use a GPU driver that its parent has initialized.

This file is run as a script (``python -P warm.py ADDRESS OWNER [LIBRARY ...]``) and imports nothing
of the project.
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

ADDRESS = "WARM_JOBS"  # the variable with the address of the server, read when Python starts
LOADED = "loaded"  # the file beside it that exists once all is loaded
COLD = "PAPERTUNE_COLD"  # the variable by which a user makes each job start by itself
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
START = Path(__file__).with_name("warm_start")
# the imports of jobs that load a model or an embedder
LIBRARIES = [
    *("snakemake.script", "pydantic", "yaml", "tqdm", "jinja2"),
    *("torch", "transformers", "transformers.trainer", "transformers.generation.utils", "peft"),
    *("transformers.models.llama.modeling_llama", "transformers.models.gpt2.modeling_gpt2"),
    *("sentence_transformers", "scipy.stats", "sacrebleu", "rouge_score.rouge_scorer"),
    "threadpoolctl",
]
# as papertune.models.loading sets them; jobs that ask the Hub start by themselves. A process with
# threads cannot be forked safely: a copy starts its job's threads itself
READ_WHEN_LOADED = {
    **dict.fromkeys(("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"), "1"),
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    "TOKENIZERS_PARALLELISM": "false",
}


def begin() -> None:
    """Start the server, which loads the libraries for jobs that this process starts from now on.

    Jobs that need the libraries wait for them; others that start before start by themselves. The
    server ends with the last job after this process has ended. Only this user can reach it: its
    folder is private.
    """
    if os.environ.get(COLD) or os.environ.get(ADDRESS) or not hasattr(os, "pidfd_open"):
        return
    folder = Path(tempfile.mkdtemp(prefix="papertune-warm-"))
    address = folder / "jobs"
    start(address, os.getpid(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.environ.update(environment_of(address))


def start(address: Path, owner: int, *libraries: str, **how: Any) -> "subprocess.Popen[bytes]":
    """Start the server; it prints ``ready`` once loaded. It is outside the owner's process group.

    ``libraries`` are loaded instead of :data:`LIBRARIES`.
    """
    return subprocess.Popen(
        [sys.executable, "-P", __file__, str(address), str(owner), *libraries],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | READ_WHEN_LOADED,
        **how,
    )


def environment_of(address: Path) -> dict[str, str]:
    """The environment variables of jobs that are handed over."""
    path = os.pathsep.join(filter(None, [str(START), os.environ.get("PYTHONPATH")]))
    return {ADDRESS: str(address), "PYTHONPATH": path}


def listening(address: str) -> socket.socket:
    """Open the socket for jobs; they are answered once all is loaded."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen(64)
    return server


def serve(server: socket.socket, owner: int) -> None:
    """Fork a copy per connection and kill it when that closes, until owner and jobs have ended."""
    owned = os.pidfd_open(owner)
    ended, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # a cluster signals all processes of a job step
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
            if ready == owned:  # running jobs continue, as jobs that start by themselves do
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
                line.settimeout(10)  # do not wait for a frozen client
                files: list[int] = []
                try:
                    size, files, *_ = socket.recv_fds(line, 8, 4)
                    asked = json.loads(_received(line, int.from_bytes(size, "big")))
                except (
                    OSError,
                    ValueError,
                ):  # killed before it had asked: serve the others
                    for file in files:
                        os.close(file)
                    line.close()
                    continue
                line.settimeout(None)
                try:
                    pid = os.fork()
                except OSError:  # no room for another process: the job starts by itself
                    pid = -1
                if pid > 0:
                    jobs[line] = pid, os.killpg if "--mode" in asked["command"] else os.kill
                    with contextlib.suppress(OSError):
                        os.setpgid(pid, pid)  # the copy does the same: either may be first
                elif not pid:
                    try:
                        signal.set_wakeup_fd(-1)
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        run(asked, files, line.fileno())
                    finally:  # a copy must never continue as the server
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
    """Receive exactly ``size`` bytes: later bytes are signals for a job that has waited long."""
    found = b""
    while len(found) < size and (more := line.recv(min(size - len(found), 2**16))):
        found += more
    return found


def run(asked: dict[str, Any], files: list[int], line: int) -> NoReturn:
    """Run the requested job in this copy; the client notices its end when the line closes."""
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
        os.closerange(4, 1024)  # the server's open files
        os.chdir(asked["folder"])
        os.umask(asked["umask"])
        for kind, limits in asked["limits"].items():
            resource.setrlimit(int(kind), limits)
        os.environ.clear()
        os.environ.update(asked["environment"])
        tempfile.tempdir = None  # taken from the job's environment
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
        if first := os.environ.get("WARM_JOBS_FIRST"):  # a script of the tests
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
    cast("Any", threading)._shutdown()  # part of Python's exit that a forked copy skips
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def load(libraries: list[str]) -> None:
    """Load the libraries; exits if there is a GPU."""
    if "peft" in libraries:
        # a fifth of the time, and few jobs need it: these load it (papertune.models.quantization)
        sys.modules["bitsandbytes"] = cast("Any", None)
        asked = importlib.import_module("peft.import_utils")
        asked.is_bnb_available(), asked.is_bnb_4bit_available()
        del sys.modules["bitsandbytes"]
    for library in libraries:
        importlib.import_module(library)
    if "torch" in sys.modules and sys.modules["torch"].accelerator.is_available():
        sys.exit("a GPU's driver cannot be used after a fork")
    finalizers = cast("Any", weakref.finalize)._registry.values()
    for finalizer in finalizers:  # of libraries: half of a copy's exit time
        finalizer.atexit = False
    gc.freeze()  # otherwise the first collection in each copy would write to all pages


if __name__ == "__main__":
    place, run_by, *libraries = sys.argv[1:]
    try:
        asking = listening(place)
        load(libraries or LIBRARIES)
        Path(place).with_name(LOADED).touch()
        serve(asking, int(run_by))
    finally:
        shutil.rmtree(Path(place).parent)
