# Reports the failed jobs of a run, and records them for the next run. No rules; like insides.smk, it
# uses Snakemake's internals.
import os

from snakemake.logging import logger
from snakemake.persistence import PersistenceBase
from snakemake_interface_logger_plugins.common import LogEvent

from papertune.jobs import failures

# job number → when it began; thread → how its job ended (Snakemake reports this before it names the
# job); job number → how it failed
BEGAN, ENDED, FAILED = {}, {}, {}
UNNOTED = set()  # numbers of failed jobs without a record yet


def failed_job(record):
    """The failure of a job, from the log record that reports it."""
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
    """Filter log records: report failed jobs in our words, not as shell commands and exceptions."""
    event, said = getattr(record, "event", None), str(record.msg)
    if event == LogEvent.JOB_INFO:
        BEGAN[record.jobid] = record.created
    elif event == LogEvent.JOB_ERROR:
        UNNOTED.add(record.jobid)
        FAILED[record.jobid] = failure = failed_job(record)
        # or where its words went to the log of the run
        if TERMINAL.log or not failure.said:
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
        }  # the others have succeeded since
        found = [one for number, one in FAILED.items() if number in last]
        record.msg = f"\n{failures.summary(found, len(scheduler.remaining_jobs))}"
        if TERMINAL.log:
            record.msg += f"\n\n{TERMINAL.words_of_end()}"
    elif event == LogEvent.ERROR:
        record.msg = failures.of_snakemake(getattr(record, "exception", ""), said)
    return True


HAS_FAILED = "this failed"  # among the recorded params of a job


def note_failures():
    """Record failed jobs, so that Snakemake makes them again in the next run.

    Snakemake records failed jobs like others, and deletes their results. If files made from earlier
    results exist, it would find nothing to do.
    """
    records = workflow.persistence
    note = records.finished

    async def finished(job):
        await note(job)
        if job.jobid not in UNNOTED:
            return
        UNNOTED.discard(job.jobid)  # its next attempt may succeed
        records._clear_cache()
        for key in map(records._get_key, job.output):
            if record := records._read_record(key):
                record.params = [*(record.params or []), HAS_FAILED]
                records._write_record(key, record)

    records.finished = finished


def forget_failures_before_results():
    """Have Snakemake ignore the record of a failure if results exist.

    Results of a failed attempt are deleted, so these are of a later attempt, which may have ended after
    its run was killed.
    """
    noted = PersistenceBase.params

    def params(records, path):
        found = noted(records, path)
        if not found or HAS_FAILED not in found or not os.path.lexists(path):
            return found
        return [one for one in found if one != HAS_FAILED]

    PersistenceBase.params = params


if workflow.is_main_process:
    logger.addFilter(tell_failures)
    forget_failures_before_results()
    before_first_job(note_failures)
