# All that is taken from inside Snakemake (seen on 9.27.1). No rules.
# tests/unit/project/test_other_libraries.py fails when a version has it no longer.
from contextlib import contextmanager


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


def executor_of_run():
    """What starts the jobs of this run, once there is a scheduler."""
    return workflow.scheduler._executor


def is_local(rule):
    """Whether a rule's jobs are never submitted."""
    return rule.norun or rule.name in workflow._localrules


def is_module():
    """Whether another workflow uses this one."""
    return workflow.modifier.parent_modifier is not None
