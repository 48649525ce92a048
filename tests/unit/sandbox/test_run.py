"""Untrusted programs in the sandbox: they try to escape, and to exhaust resources."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

import psutil
import pytest

from accounts import ANN, as_user
from papertune.sandbox import run as sandbox
from papertune.sandbox import syscalls
from papertune.sandbox.run import Limits, Outcome, SandboxError, Way
from processes import busy

ROOT = os.getuid() == 0
EVERYBODYS = "/usr/bin/python3"  # a Python that other accounts can read
# how, and whose: what root does as root, and what everybody else does
WAYS: list[tuple[Way, int]] = [("namespaces", 0)] if ROOT else []
WAYS += [("namespaces", ANN), ("bubblewrap", ANN)]
Run = Callable[..., Outcome]


def run_as(user: int, way: Way, program: str, limits: Limits) -> Outcome:
    """Run it as a user; as oneself where that is who one is, or only root could be another."""
    if user in (0, os.getuid()) or not ROOT:
        return sandbox.run_by(way, program, limits)
    read, write = os.pipe()

    def work() -> None:
        sys.base_prefix, sys._base_executable = "/usr", EVERYBODYS  # type: ignore[attr-defined]
        outcome = sandbox.run_by(way, program, limits)
        os.write(write, json.dumps(asdict(outcome)).encode())

    assert as_user(user, [], work)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        return Outcome(**json.load(stream))


@cache
def works(way: Way, user: int) -> bool:
    """Whether this machine lets that user keep programs apart that way."""
    if (user and ROOT and not Path(EVERYBODYS).exists()) or (
        way == "bubblewrap" and not shutil.which("bwrap")
    ):
        return False
    return run_as(user, way, "pass", Limits()).passed


@pytest.fixture(params=WAYS, ids=lambda one: f"{one[0]}-{one[1] or 'root'}")
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a program in the sandbox."""
    way, user = request.param
    if not works(way, user):
        pytest.skip(f"this machine has no {way} for this user")

    def ran(program: str, seconds: float = 10.0, **limits: int) -> Outcome:
        limits.setdefault("scratch", 2**22)
        return run_as(user, way, textwrap.dedent(program), Limits(seconds=seconds, **limits))

    return ran


def values(run: Run, program: str) -> list[str]:
    """What a program that ends well has printed, line by line."""
    outcome = run(program)
    assert outcome.passed, outcome
    return outcome.said.split("\n")


# ---- what passes ------------------------------------------------------------


def test_ends_well(run: Run) -> None:
    outcome = run("print('said', 6 * 7)\nassert 'ä'.encode()")
    assert (outcome.passed, outcome.said) == (True, "said 42")


def test_data_classes_find_their_module(run: Run) -> None:
    program = """
        from __future__ import annotations
        import dataclasses, typing
        @dataclasses.dataclass
        class Point:
            x: int
            y: typing.ClassVar[int] = 2
        assert Point(1) == Point(1) and typing.get_type_hints(Point)["x"] is int
        assert __name__ != "__main__"
        """
    outcome = run(program)
    assert outcome.passed, outcome


@pytest.mark.parametrize(
    "program",
    [
        "assert 1 == 2",
        "import sys\nsys.exit(0)",
        "raise SystemExit",
        "import os\nos._exit(0)",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "def f(:",
        "x = 1\0",
        "import ctypes\nctypes.string_at(0)",
        "exit(",
        "'\udcff'.encode()",
        "import atexit, os\natexit.register(os._exit, 3)",
        "import os\nos.closerange(0, 64)",  # so that it cannot say that it came to its end
    ],
)
def test_what_does_not_come_to_its_end_has_not_passed(run: Run, program: str) -> None:
    assert not run(program).passed


def test_the_word_is_nowhere_before_the_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda n: "wordwordword")
    looking = """
        import gc, os, sys
        frame, seen = sys._getframe(), [sys.argv, dict(os.environ), gc.get_objects()]
        while frame:
            seen += [frame.f_locals, frame.f_globals, frame.f_code.co_consts]
            frame = frame.f_back
        assert len(seen) > 6 and ("drow" * 3)[::-1] not in repr(seen)
        assert os.read(0, 1000) == b""
        """
    outcome = run(looking)
    assert outcome.passed, outcome


def test_what_it_says_is_not_how_it_ended(run: Run) -> None:
    """Whatever a program writes everywhere before it ends itself, it has not come to its end."""
    everywhere = """
        import os
        for fd in range(64):
            try:
                os.write(fd, b"passed\\n" * 20)
            except OSError:
                pass
        os._exit(0)
        """
    assert not run(everywhere).passed


# ---- what it can see and reach ----------------------------------------------


def test_sees_nothing_of_the_users(run: Run, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mine")
    tmp_path.chmod(0o755)
    os.environ["PAPERTUNE_TEST_SECRET"] = "mine"
    try:
        seen = values(
            run,
            f"""
            import os, sys
            print(os.path.exists({str(secret)!r}))
            print(sorted(set(os.environ) - {{"PATH", "LANG", "LC_CTYPE", "PWD", "_"}}))
            print([path for path in ("/home", "/etc/passwd", "/run", "/var", "/sys", "/mnt", "/boot")
                   if os.path.exists(path)])
            print(sorted(set(os.listdir("/dev"))
                  & {{"kmsg", "mem", "sda", "vda", "kvm", "nvidia0", "fuse"}}))
            print(os.getcwd(), os.listdir())
            print([path for path in ("/root", "/old") if os.path.exists(path) and any(
                  name != ".pyenv" for name in os.listdir(path))])
            """,
        )
    finally:
        del os.environ["PAPERTUNE_TEST_SECRET"]
    assert seen == ["False", "[]", "[]", "[]", "/tmp []", "[]"]


def test_has_no_rights(run: Run) -> None:
    status = values(run, "print(open('/proc/self/status').read())")
    facts = dict(line.split(":\t") for line in status if ":\t" in line)
    assert facts["NoNewPrivs"] == "1"
    assert facts["Seccomp"] == ("2" if syscalls.rules() else "0")
    assert {facts[name] for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")} == {
        "0" * 16
    }


def test_reaches_nobody(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        said = values(
            run,
            f"""
            import ctypes, socket
            def tried(what, *args):
                try:
                    what(*args)
                except OSError as error:
                    return type(error).__name__
                return "there"
            print(tried(socket.create_connection, ("127.0.0.1", {port}), 1))
            print(tried(socket.create_connection, ("1.1.1.1", 53), 1))
            for family in ("AF_UNIX", "AF_NETLINK", "AF_VSOCK"):
                print(tried(socket.socket, getattr(socket, family), socket.SOCK_DGRAM))
            print(tried(socket.socketpair))
            """,
        )
    assert said == ["PermissionError"] * 5 + ["there"]


def test_sees_no_process_of_others_and_signals_none(run: Run) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        try:
            said = values(
                run,
                f"""
                import os
                print({other.pid} in map(int, filter(str.isdigit, os.listdir("/proc"))))
                try:
                    os.kill({other.pid}, 9)
                except (ProcessLookupError, PermissionError):
                    print("not there")
                """,
            )
            assert said in (
                ["False", "not there"],
                ["True", "not there"],
            )  # the number may be its own
            assert other.poll() is None
        finally:
            other.kill()


def test_makes_no_namespaces_and_mounts_nothing(run: Run) -> None:
    said = values(
        run,
        """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        print(libc.unshare(0x10000000), libc.mount(b"x", b"/tmp", b"tmpfs", 0, None))
        print(libc.chroot(b"/tmp"), libc.ptrace(16, 1, 0, 0), libc.syscall(319, b"x", 0))
        print(os.system("unshare -Ur true 2> /dev/null") != 0)
        """,
    )
    assert said == ["-1 -1", "-1 -1 -1", "True"]


@pytest.mark.parametrize("where", ["/usr", "/", "/dev", "/proc/sys/kernel", sys.base_prefix])
def test_writes_to_its_scratch_folder_only(run: Run, where: str) -> None:
    tried = f"""
        import os
        open("/tmp/mine", "w").write("fine")
        path = os.path.join({where!r}, "papertune-was-here")
        try:
            open(path, "w")
        except OSError:
            print("refused")
        """
    assert values(run, tried) == ["refused"] or where == "/dev"  # bubblewrap's is its own
    assert not Path(where, "papertune-was-here").exists()


# ---- what it can use up -----------------------------------------------------


def test_disk(run: Run) -> None:
    many = """
        for n in range(50):
            with open(f"/tmp/{n}", "wb") as stream:
                stream.write(bytes(2**20))
        """
    one = """
        with open("/tmp/one", "wb") as stream:
            stream.write(bytes(2**24))
        """
    assert [run(one).fate, run(many).fate] == ["failed", "failed"]


def test_output(run: Run) -> None:
    outcome = run("while True: print('x' * 1000)", output=10_000)
    assert (outcome.fate, len(outcome.said) <= 10_000) == ("output", True)


@pytest.mark.parametrize(
    "endless",
    [
        "while True: pass",
        "import time; time.sleep(1000)",
        "import os, time\nos.close(1); os.close(2); time.sleep(1000)",
        "import signal\nfor n in (1, 2, 13, 14, 15, 24): signal.signal(n, signal.SIG_IGN)\n"
        "while True: pass",
        "import os\nwhile os.read(0, 1) or True: pass",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()",
    ],
)
def test_time(run: Run, endless: str) -> None:
    began = time.monotonic()
    assert run(endless, seconds=1).fate == "time"
    assert time.monotonic() - began < 10 * busy(least=1)


def test_a_busy_machine_is_no_end_of_a_program(run: Run) -> None:
    assert run("import time\ntime.sleep(1.5)", seconds=1).passed


def test_what_it_told_is_heard_however_late(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = sandbox._Watched._ended

    def late(watched: sandbox._Watched, seconds: float) -> bool:  # as on a machine that is busy
        if not watched.rest:
            time.sleep(1)
        return ended(watched, seconds)

    monkeypatch.setattr(sandbox, "LOOK", 0)
    monkeypatch.setattr(sandbox._Watched, "_ended", late)
    for _ in range(3):
        outcome = run("1/0")
        assert outcome.fate == "failed" and "ZeroDivisionError" in outcome.said


def test_memory(run: Run) -> None:
    assert run("x = bytearray(2**30)", memory=2**28).fate == "failed"
    together = """
        import os, time
        for _ in range(6):
            if not os.fork():
                held = b"x" * (60 * 2**20)
                time.sleep(60)
        time.sleep(60)
        """
    assert run(together, memory=2**28).fate == "memory"


def test_processes(run: Run) -> None:
    began = time.monotonic()
    assert run("import os\nwhile True: os.fork()", seconds=5).fate == "failed"
    assert time.monotonic() - began < 5 * busy()


def test_leaves_nothing_behind(run: Run) -> None:
    mark = f"{secrets.randbelow(10**6) + 10**6}"
    left = f"""
        import os, subprocess
        if not os.fork():
            os.setsid()
            if not os.fork():
                os.execv("/bin/sleep", ["sleep", "{mark}"])
            os._exit(0)
        """
    run(left)
    time.sleep(0.1)
    found = [one for one in psutil.process_iter(["cmdline"]) if mark in (one.info["cmdline"] or [])]
    assert not found


def test_a_killed_job_leaves_nothing_behind(run: Run) -> None:
    """Whoever started it may be killed without a chance to clean up: it ends by itself."""
    mark = f"{secrets.randbelow(10**6) + 10**6}"
    child = os.fork()
    if not child:
        run(f"import os\nos.execv('/bin/sleep', ['sleep', '{mark}'])", seconds=1)
        os._exit(0)

    def there() -> bool:
        every = psutil.process_iter(["cmdline"])
        return any(mark in (one.info["cmdline"] or []) for one in every)

    until = time.monotonic() + 20 * busy()
    while not there() and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while there() and time.monotonic() < until:
        time.sleep(0.1)
    assert not there()


@pytest.mark.skipif(not works(*WAYS[0]), reason="this machine has no namespaces for this user")
def test_several_at_once() -> None:
    with ThreadPoolExecutor(4) as pool:
        run = partial(sandbox.run_by, WAYS[0][0], limits=Limits())
        said = [one.said for one in pool.map(lambda n: run(program=f"print({n})"), range(8))]
    assert said == [str(n) for n in range(8)]


# ---- where there is no sandbox ----------------------------------------------


def test_without_a_sandbox_nothing_is_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sandbox, "way", lambda: "none")
    there = tmp_path / "there"
    with pytest.raises(SandboxError, match="allow_unsafe"):
        sandbox.run(f"open({str(there)!r}, 'w')")
    assert not there.exists()


def test_unsafe_has_limits_and_signals_nobody() -> None:
    program = """
        import os, signal, socket
        for call in (lambda: os.kill(os.getppid(), 0), socket.socket):
            try:
                call()
            except PermissionError:
                print("refused")
        open("mine", "w").write("fine")
        """
    if ROOT:  # then it is nobody's, who has to be able to read Python
        assert not works("namespaces", ANN) or run_as(
            ANN, "none", textwrap.dedent(program), Limits()
        ) == Outcome("passed", "refused\nrefused")
    else:
        outcome = sandbox.run_by("none", textwrap.dedent(program), Limits())
        assert outcome == Outcome("passed", "refused\nrefused")


@pytest.mark.skipif(not ROOT, reason="only root can be another user")
def test_unsafe_is_not_run_by_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    monkeypatch.setattr(sys, "_base_executable", EVERYBODYS)
    outcome = sandbox.run_by("none", "import os\nprint(os.getuid() > 0)", Limits())
    assert outcome == Outcome("passed", "True")


def test_processors_without_a_table_have_no_filter() -> None:
    assert syscalls.rules("riscv64") == b""
    sizes = {len(syscalls.rules(one)) for one in syscalls.ARCHITECTURES}
    assert len(sizes) == 1 and not next(iter(sizes)) % 8
