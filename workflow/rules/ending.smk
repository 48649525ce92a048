# What a run says at its end. No rules; like insides.smk, taken from inside Snakemake.
from snakemake.logging import logger
from snakemake.workflow import NOTHING_TO_BE_DONE_MSG

from papertune.report.ending import ending


def said_at_the_end():
    """What was found, if the reports are part of what was asked for; they are up to date then."""
    asked = {job.rule.name for job in workflow.dag.jobs}
    return ending(LAYOUTS.values()) if "write_page" in asked else ""


def end_of_nothing(record):
    """A log record; where nothing had to be done the end is the same."""
    if record.getMessage() == NOTHING_TO_BE_DONE_MSG:
        record.msg = f"{record.getMessage()}{said_at_the_end()}"
    return True


if workflow.is_main_process:
    after_last_job(lambda: print(said_at_the_end(), file=sys.stderr))
    logger.addFilter(end_of_nothing)
