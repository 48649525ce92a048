"""Lends each test a running Slurm, with or without accounting."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from cluster import Cluster, Unavailable


class Clusters:
    """One cluster at a time, kept from test to test until another kind is wanted.

    Cluster of other workers are waited for, so this lives for one file only: a whole session's would
    keep the others waiting for as long.
    """

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self.folders = folders
        self.running: Cluster | None = None

    @contextmanager
    def lend(self, accounting: bool) -> Iterator[Cluster]:
        if self.running is None or self.running.with_accounting != accounting:
            self.stop()
            cluster = Cluster(self.folders.mktemp("cluster"), accounting)
            try:
                cluster.__enter__()
            except Unavailable as error:
                pytest.skip(str(error))
            self.running = cluster
        try:
            yield self.running
            self.running.tidy()
        except BaseException:
            self.stop()  # who knows what the test has left
            raise

    def stop(self) -> None:
        running, self.running = self.running, None
        if running is not None:
            running.__exit__(None, None, None)


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clusters]:
    lender = Clusters(tmp_path_factory)
    yield lender
    lender.stop()


@pytest.fixture
def cluster(clusters: Clusters) -> Iterator[Cluster]:
    """A Slurm without accounting; no jobs, all nodes up."""
    with clusters.lend(accounting=False) as running:
        yield running


@pytest.fixture
def cluster_with_accounting(clusters: Clusters) -> Iterator[Cluster]:
    """A Slurm with accounting and the account `lab`; no jobs, all nodes up."""
    with clusters.lend(accounting=True) as running:
        yield running
