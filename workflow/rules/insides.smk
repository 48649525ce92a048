# All that is taken from inside Snakemake (seen on 9.27.1). No rules.
# tests/unit/project/test_other_libraries.py fails when a version has it no longer.


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
