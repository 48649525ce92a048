# Uses of Snakemake's internals (as of 9.27.1), besides failed_jobs.smk. No rules.
# tests/unit/project/test_other_libraries.py fails when a version no longer has them.
import re
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

from snakemake.logging import logger
from snakemake.persistence.file import FilePersistence

from papertune.cluster import requests
from papertune.study.command_line import unknown_target


@contextmanager
def in_words():
    """Within the context, an error of ours ends the run with its message alone.

    For an exception Snakemake would show the place in its rules, which helps no user.
    """
    try:
        yield
    except (PapertuneError, NotOwned) as error:
        sys.exit(f"\n{error}")


def before_first_job(hook):
    """Call a function before the first job; Snakemake ignores the `onstart:` of a module."""
    before = workflow._onstart

    def begin(log):
        before(log)
        hook()

    workflow._onstart = begin


def after_last_job(hook):
    """Call a function at the end of a run without failed jobs."""
    after = workflow._onsuccess

    def end(log):
        after(log)
        hook()

    workflow._onsuccess = end


def give_back(records):
    """Release the locks of this run, but not those of other runs; Snakemake deletes the whole folder."""
    for path in records._lockfile.values():
        Path(path).unlink(missing_ok=True)
    records._lockfile.clear()


def held(records, read=FilePersistence._read_locks):
    """The locks of all runs; reads them again if one was released meanwhile."""
    while True:
        with suppress(FileNotFoundError):
            return [*read(records)]


# the folder stays, because another run that is starting or ending needs it
if "--unlock" not in sys.argv:
    FilePersistence._delete_locks = give_back
    FilePersistence._read_locks = held


def executor_of_run():
    """The executor of this run's jobs, once there is a scheduler."""
    return workflow.scheduler._executor


def is_local(rule):
    """Whether a rule's jobs are never submitted."""
    return rule.norun or rule.name in workflow._localrules


def is_module():
    """Whether another workflow uses this one."""
    return workflow.modifier.parent_modifier is not None


def say_what_is_no_target(record):
    """Filter log records: name the known targets when one is unknown, instead of input functions."""
    if getattr(record, "exception", "") == "MissingRuleException":
        target = record.getMessage().partition("produce ")[2].partition(" (if you")[0]
        made = [str(path) for one in workflow.rules for path in one.output]
        # Snakemake writes a wildcard's constraint after its name
        files = [
            re.sub(r"{experiment\b.*?}", name, path)
            for path in made
            for name in EXPERIMENTS
        ]
        for place in LAYOUTS.values():
            files += [*place.by_year("documents").values(), *requests.results_of(place)]
        named = {one.name: one.docstring for one in workflow.rules if one.docstring}
        record.msg = str(unknown_target(target, named, files, list(EXPERIMENTS)))
    return True


# a workflow that uses this one has its own targets
if not is_module():
    logger.addFilter(say_what_is_no_target)
