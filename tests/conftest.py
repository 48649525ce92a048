"""How tests are distributed over processes."""

import gc
import signal
from collections.abc import Iterator
from typing import Any

import pytest

import warm_jobs

TOGETHER = {
    "tests/slurm/": "slurm",
    "tests/end_to_end/test_promise_": "studies",
    "tests/end_to_end/test_small_": "studies",
}


def pytest_configure() -> None:
    """Programs that the tests start hear signals, even if a shell or nohup runs the tests without.

    They inherit what is ignored, and not what is handled.
    """
    handlers = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: lambda *_: None}
    for number, handler in handlers.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One file stays in one process, as do files that share what is made once for all of them.

    It would else be made in every process; and there is one Slurm on a machine.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Files(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            alike = (group for start, group in TOGETHER.items() if path.startswith(start))
            return next(alike, path)

    return Files(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest first, so that no process ends long before the others."""
    if at := next((item.nodeid for item in items if " at 0x" in item.nodeid), ""):
        raise pytest.UsageError(f"{at}: an address is another one in each process; give it ids=")
    order = {"slurm": 0, "end_to_end": 1}
    items.sort(key=lambda item: order.get(item.path.parent.name, 2))


def pytest_collection_finish() -> None:
    """What all files have loaded stays: statsmodels looks through the rest for each table of p-values."""
    gc.freeze()


@pytest.fixture(scope="module")
def warm() -> Iterator[None]:
    """What the module's tests start has its libraries loaded."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in warm_jobs.environment().items():
            patch.setenv(name, value)
        yield
