"""Training runs, and runs that are stopped."""

import os
import signal

import pytest

from papertune.jobs import stopping
from papertune.training.callback import RunCallback
from tiny_training import Runs


@pytest.fixture
def run(tmp_path):
    return Runs(tmp_path)


def signal_at(patch, number, owner, event, count):
    """Send this process a signal when a function is called for the nth time."""
    real, calls = getattr(owner, event), []

    def called(*arguments, **rest):
        calls.append(1)
        if len(calls) == count:
            os.kill(os.getpid(), number)
        return real(*arguments, **rest)

    patch.setattr(owner, event, called)


@pytest.fixture
def killed(run, monkeypatch):
    """Trains in a process that is killed (SIGKILL) when a method is called for the nth time."""

    def attempt(name, event, count, **how):
        if (child := os.fork()) == 0:
            try:
                signal_at(monkeypatch, signal.SIGKILL, RunCallback, event, count)
                run(name, **how)
            finally:
                os._exit(1)  # the tests go on in the parent only
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL

    return attempt


@pytest.fixture
def stopped(run, monkeypatch):
    """A run that SIGTERM stops when functions are called for the nth time, an attempt each, and the
    last attempt, which is left alone. A function is, as a rule, a method of the callback."""
    before = signal.getsignal(signal.SIGTERM)

    def attempts(*moments, **how):
        for event, count, *owners in moments:
            owner = owners[0] if owners else RunCallback
            stopping.install()
            with monkeypatch.context() as patch:
                signal_at(patch, signal.SIGTERM, owner, event, count)
                with pytest.raises(stopping.Interrupted, match="stopped by SIGTERM"):
                    run("stopped", **how)
            assert not (run.folder / "stopped" / "seed-1").exists()
            folders = list(run.checkpoints("stopped").glob("checkpoint-*"))
            assert len(folders) <= 2 and all((folder / "whole").exists() for folder in folders)
        stopping.install()
        return run("stopped", **how)

    yield attempts
    stopping.install()
    signal.signal(signal.SIGTERM, before)
