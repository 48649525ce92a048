"""Run at Python's start: hand a job's script over to a process that has loaded its libraries.

The job still runs in its own process, see ``warm.py``; this process stands in for it: it passes on
signals, ends as that one ends, and takes it along when killed. Without a server, or with one that
is not ready, it runs the job itself. Any Python may import this: it is written for old ones, too.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# of this workflow's jobs
SCRIPTS = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
# jobs that would wait for the server longer than their own loading takes
LOADING = ("answer", "find_suspects", "pretrain_base", "score", "synthesize", "train")
# jobs that ask the Hub, whose library is loaded in offline mode
ONLINE = ("download_base", "fetch_documents", "list_documents", "refresh")


def hand_over(address: str, command: list) -> None:
    """Have a command run by the server and exit as it does; returns if there is no server."""
    import contextlib
    import json
    import resource
    import signal
    import socket

    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(address)
        network = os.open("/proc/self/ns/net", os.O_RDONLY)
    except OSError:
        return
    umask = os.umask(0)
    os.umask(umask)
    kinds = [kind for name, kind in vars(resource).items() if name.startswith("RLIMIT_")]
    asked = {
        "command": command,
        "path": sys.path,
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "umask": umask,
        "limits": {kind: resource.getrlimit(kind) for kind in kinds},
    }
    told = []

    def tell(number: int) -> None:
        with contextlib.suppress(OSError):  # its end is read below
            server.send(bytes([number]))

    def tell_end(number: int, _: object) -> None:
        told.append(number)
        tell(number)

    def stand_still(*_: object) -> None:
        tell(signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)

    ends = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
    handlers: dict = dict.fromkeys(ends, tell_end)
    handlers[signal.SIGTSTP] = stand_still
    handlers[signal.SIGCONT] = lambda number, _: tell(number)
    before: dict = {}
    status = b""
    with contextlib.suppress(OSError):
        said = json.dumps(asked).encode()
        socket.send_fds(server, [len(said).to_bytes(8, "big")], [0, 1, 2, network])
        server.sendall(said)
        for number, handler in handlers.items():
            if signal.getsignal(number) is not signal.SIG_IGN:  # else it stays ignored in both
                before[number] = signal.signal(number, handler)
        status = server.recv(4)
    if not status:
        # its copies end with it, and so has this job's: it holds the other end as well
        for number, handler in before.items():
            signal.signal(number, handler)
        for end in told:
            os.kill(os.getpid(), end)
        server.close()
        os.close(network)
        print("the process with the libraries is gone: the job starts by itself", file=sys.stderr)
        return
    code = os.waitstatus_to_exitcode(int.from_bytes(status, "big"))
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def is_job(command: list) -> bool:
    """Whether the command is the script of a job."""
    return bool(command) and "/.snakemake/scripts/" in command[0]


def name_of(command: list) -> str:
    """The name of a job's script."""
    return command[0].split(".")[-2]  # tmp….train.py


def is_ours(command: list) -> bool:
    """Whether the command is a job of this workflow, or as the tests say.

    Never a job's child, nor another Python: these may depend on how they are started.
    """
    if os.environ.pop("WARM_RUN", ""):
        return "HF_ENDPOINT" not in os.environ  # read when libraries are imported
    if is_job(command):
        name = name_of(command)
        return name not in ONLINE and os.path.exists(os.path.join(SCRIPTS, name + ".py"))
    if command[:2] == ["-m", "snakemake"]:
        return "--mode" in command  # Snakemake inside a cluster job
    return command[:2] == ["-m", os.environ.get("WARM_MODULE")]


def is_worth_it(address: str, command: list) -> bool:
    """Whether all is loaded; a job that would load the same waits for it."""
    waits = not is_job(command) or name_of(command) in LOADING
    return waits or os.path.exists(os.path.join(os.path.dirname(address), "loaded"))


def step_aside() -> None:
    """Run the sitecustomize that this one shadows, which may be the user's own."""
    own = sys.modules.pop("sitecustomize")
    try:
        __import__("sitecustomize")
    except ImportError as error:
        sys.modules["sitecustomize"] = own
        if error.name != "sitecustomize":
            raise


def begin() -> None:
    """Hand this process over if it is such a job; else start normally."""
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != HERE]
    address = os.environ.get("WARM_JOBS")
    words = getattr(sys, "orig_argv", ())
    command = [word for n, word in enumerate(words) if n and (n > 1 or word != "-P")]
    if address and is_job(command) and "WARM_MODULE" not in os.environ:
        # children of the job do not see any of this
        del os.environ["WARM_JOBS"]
        folders = os.environ.pop("PYTHONPATH", "").split(os.pathsep)
        others = [folder for folder in folders if folder != HERE]
        if others:
            os.environ["PYTHONPATH"] = os.pathsep.join(others)
    if address and is_ours(command) and is_worth_it(address, command):
        hand_over(address, command)
    step_aside()


if __name__ == "sitecustomize":
    begin()
