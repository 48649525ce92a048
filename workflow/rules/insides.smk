# All that is taken from inside Snakemake (seen on 9.27.1). No rules.
# tests/unit/project/test_other_libraries.py fails when a version has it no longer.
import re
from contextlib import contextmanager

from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

from papertune.jobs import failures
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
        named = {one.name: one.docstring for one in workflow.rules if one.docstring}
        record.msg = str(unknown_target(target, named, files, list(EXPERIMENTS)))
    return True


# a workflow that uses this one has targets of its own
if not is_module():
    logger.addFilter(say_what_is_no_target)


# of jobs, by their number: when they began, how Snakemake says that they ended (by thread, before it
# says of which job), and how they failed
BEGAN, ENDED, FAILED = {}, {}, {}
UNNOTED = set()  # that failed, and of which nothing has been noted yet


def failed_job(record):
    """What is known of the job of a record that says that it failed."""
    job = next(one for one in workflow.dag.jobs if one.jobid == record.jobid)
    here = workflow.resource_settings.nodes is None or is_local(job.rule)
    return failures.failure_of(
        job.rule.name,
        job.wildcards_dict,
        record.log,
        since=BEGAN.get(record.jobid, 0.0),
        ended=ENDED.pop(record.thread, "") or record.rule_msg or "",
        here=here,
    )


def tell_failures(record):
    """A log record; of jobs that failed Snakemake would show shell commands and its own exceptions."""
    event, said = getattr(record, "event", None), str(record.msg)
    if event == LogEvent.JOB_INFO:
        BEGAN[record.jobid] = record.created
    elif event == LogEvent.JOB_ERROR:
        UNNOTED.add(record.jobid)
        FAILED[record.jobid] = failure = failed_job(record)
        if not failure.said:
            logger.error(f"\n{failure}")
    elif event == LogEvent.ERROR and "CalledProcessError" in said:
        ENDED[record.thread] = said
        return False
    elif "Exiting because a job execution failed" in said:
        return False
    elif (
        event == LogEvent.ERROR
        and "At least one job did not complete successfully" in said
    ):
        scheduler = workflow.scheduler
        last = {
            job.jobid for job in scheduler.failed
        }  # others have come to a good end since
        found = [one for number, one in FAILED.items() if number in last]
        record.msg = f"\n{failures.summary(found, len(scheduler.remaining_jobs))}"
    elif event == LogEvent.ERROR:
        record.msg = failures.of_snakemake(getattr(record, "exception", ""), said)
    return True


def note_failures():
    """Have Snakemake know in the next run which jobs have failed in this one.

    It notes of them what it notes of others, and deletes their results. Where what was made of earlier
    ones is there, it would find nothing to do.
    """
    records = workflow.persistence
    note = records.finished

    async def finished(job):
        await note(job)
        if job.jobid not in UNNOTED:
            return
        UNNOTED.discard(job.jobid)  # its next attempt may come to a good end
        records._clear_cache()
        for key in map(records._get_key, job.output):
            if record := records._read_record(key):
                record.params = [*(record.params or []), "this failed"]
                records._write_record(key, record)

    records.finished = finished


if workflow.is_main_process:
    logger.addFilter(tell_failures)
    before_first_job(note_failures)
