"""Runs of training, and runs that are stopped."""

import os
import signal

import pytest

from papertune.jobs import stopping
from papertune.training.callback import RunCallback
from tiny_training import Runs


@pytest.fixture
def run(tmp_path):
    return Runs(tmp_path)


@pytest.fixture
def stopped(run, monkeypatch):
    """A run that SIGTERM stops when functions are called for the nth time, an attempt each, and the
    last attempt, which is left alone. A function is, as a rule, a method of the callback."""
    before = signal.getsignal(signal.SIGTERM)

    def attempts(*moments, **how):
        for event, count, *owners in moments:
            owner = owners[0] if owners else RunCallback
            real, calls = getattr(owner, event), []

            def called(*arguments, real=real, calls=calls, count=count, **rest):
                calls.append(1)
                if len(calls) == count:
                    os.kill(os.getpid(), signal.SIGTERM)
                return real(*arguments, **rest)

            stopping.install()
            with monkeypatch.context() as patch:
                patch.setattr(owner, event, called)
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
