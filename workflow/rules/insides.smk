# What is taken from inside Snakemake (seen on 9.27.1), beside failed_jobs.smk. No rules.
# tests/unit/project/test_other_libraries.py fails when a version has it no longer.
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
    """Within, an error of ours ends the run with its words alone.

    Of an exception Snakemake would say where in its rules it arose, and nobody could act on that.
    """
    try:
        yield
    except (PapertuneError, NotOwned) as error:
        sys.exit(f"\n{error}")


def before_first_job(hook):
    """Call something before the first job; Snakemake passes over the `onstart:` of a module."""
    before = workflow._onstart

    def begin(log):
        before(log)
        hook()

    workflow._onstart = begin


def after_last_job(hook):
    """Call something at the end of a run in which no job failed."""
    after = workflow._onsuccess

    def end(log):
        after(log)
        hook()

    workflow._onsuccess = end


def give_back(records):
    """Give back the locks of a run, and leave other runs theirs; Snakemake deletes the whole folder."""
    for path in records._lockfile.values():
        Path(path).unlink(missing_ok=True)
    records._lockfile.clear()


def held(records, read=FilePersistence._read_locks):
    """The locks of all runs, none of which has been given back while they were read."""
    while True:
        with suppress(FileNotFoundError):
            return [*read(records)]


# the folder stays, too: another run that starts or ends just now counts on it
if "--unlock" not in sys.argv:
    FilePersistence._delete_locks = give_back
    FilePersistence._read_locks = held


def executor_of_run():
    """What starts the jobs of this run, once there is a scheduler."""
    return workflow.scheduler._executor


def is_local(rule):
    """Whether a rule's jobs are never submitted."""
    return rule.norun or rule.name in workflow._localrules


def is_module():
    """Whether another workflow uses this one."""
    return workflow.modifier.parent_modifier is not None


def say_what_is_no_target(record):
    """A log record; of a target that nothing makes Snakemake would speak of rules and input functions."""
    if getattr(record, "exception", "") == "MissingRuleException":
        target = record.getMessage().partition("produce ")[2].partition(" (if you")[0]
        made = [str(path) for one in workflow.rules for path in one.output]
        # Snakemake writes the constraint of a wildcard behind its name
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


# a workflow that uses this one has targets of its own
if not is_module():
    logger.addFilter(say_what_is_no_target)
