"""Lends each test a running Slurm, with or without accounting; no jobs, all nodes up."""

from collections.abc import Callable, Iterator

import pytest
from cluster import Cluster


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[bool], Cluster]]:
    """What gives a Slurm with accounting, or one without, kept until another kind is wanted.

    It lives for one file only, as others wait for it.
    """
    running: list[Cluster] = []

    def lend(accounting: bool) -> Cluster:
        try:
            if running and running[0].with_accounting == accounting:
                running[0].tidy()
                return running[0]
        except RuntimeError:  # who knows what a test has left
            pass
        if running:
            running.pop().stop()
        running.append(Cluster(tmp_path_factory.mktemp("cluster"), accounting))
        return running[0]

    yield lend
    for cluster in running:
        cluster.stop()


@pytest.fixture
def cluster(clusters) -> Cluster:
    return clusters(False)


@pytest.fixture
def cluster_with_accounting(clusters) -> Cluster:
    return clusters(True)
