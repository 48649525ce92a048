# What the terminal shows during a run (papertune/jobs/terminal.py). No rules; like insides.smk, it uses
# Snakemake's internals. Snakemake's own lines are in its log and, with `--quiet host`, on the terminal.
import atexit
import logging
import sys
from pathlib import Path

from snakemake.logging import logger
from snakemake.settings.enums import Quietness
from snakemake.workflow import NOTHING_TO_BE_DONE_MSG
from snakemake_interface_logger_plugins.common import LogEvent


include: "root.smk"
include: "insides.smk"


from papertune.jobs.terminal import Job, Terminal
from papertune.report.ending import ending

# the beginnings of Snakemake's messages of level INFO that are shown
TOLD = (NOTHING_TO_BE_DONE_MSG, "Terminating processes", "Will exit after finishing")
DRY = "This was a dry-run"
# messages before a run begins that are not shown
CHATTER = ("Config file ", "Assuming unrestricted shared filesystem")


def stages(kinds):
    """Rules and the numbers of their jobs, one line per rule file."""
    found = {}
    for rule, number in kinds.items():
        stage = Path(str(workflow.get_rule(rule).snakefile)).stem
        found.setdefault(stage, []).append(f"{rule} {number}")
    wide = max(map(len, found), default=0)
    lines = [f"  {name:{wide}}  {', '.join(jobs)}" for name, jobs in found.items()]
    return "\n".join(lines)


def words_of(record):
    """The message of a job, with its experiment if the run has several."""
    said = record.wildcards
    words = record.rule_msg or " ".join([record.rule_name, *said.values()])
    several = "experiment" in said and len(EXPERIMENTS) > 1
    return f"{said['experiment']}: {words}" if several else words


class Lines(logging.Handler):
    """Writes Snakemake's events to the terminal, in words for users."""

    def emit(self, record):
        event, text = getattr(record, "event", None), str(record.msg)
        if record.levelno >= logging.WARNING and event != LogEvent.JOB_ERROR:
            TERMINAL.say(text, wrong=record.levelno >= logging.ERROR)
        elif event == LogEvent.RUN_INFO and not (TERMINAL.total or QUIET):
            # a dry run repeats this event at its end
            kinds = {**record.stats}
            TERMINAL.plan(kinds, total := kinds.pop("total"))
            made = {one: n for one, n in kinds.items() if workflow.get_rule(one).output}
            if made:
                TERMINAL.say(f"{total} job{'s' * (total > 1)}:\n{stages(made)}")
        elif event == LogEvent.JOB_INFO and TERMINAL.log and record.output:
            submits = workflow.resource_settings.nodes is not None and not record.local
            job = Job(
                record.rule_name, words_of(record), *record.log[:1], submitted=submits
            )
            TERMINAL.starts(record.jobid, job, several=record.priority != LONG)
        elif event == LogEvent.JOB_FINISHED:
            TERMINAL.ends(record.job_id)
        elif event == LogEvent.JOB_ERROR:
            TERMINAL.ends(record.jobid, well=False)
        elif event == LogEvent.PROGRESS:
            TERMINAL.counts(record.done, record.total)
        elif text.startswith(DRY):
            TERMINAL.say(f"{DRY}: nothing was made. Each job, and why: --quiet host")
        elif text.startswith(TOLD):
            TERMINAL.say(text)


def take_terminal():
    """Reserve the terminal of a run that makes files for our lines; commands write to it themselves."""
    commands = [job for job in workflow.dag.needrun_jobs() if not job.output]
    log = workflow.logger_manager.get_logfile()
    if log and OURS and not QUIET and all(job.rule.norun for job in commands):
        TERMINAL.begin(log[0])
    else:
        TERMINAL.end()


def said_at_the_end():
    """The results, if reports are among the targets; they are up to date then."""
    asked = {job.rule.name for job in workflow.dag.jobs}
    return ending(LAYOUTS.values()) if "write_page" in asked else ""


def end_of_run():
    """Print the last lines of a run without failed jobs."""
    said = [said_at_the_end(), TERMINAL.words_of_end() if TERMINAL.log else ""]
    TERMINAL.end()
    print(*filter(None, said), sep="\n", end="\n" if any(said) else "", file=sys.stderr)


def end_of_nothing(record):
    """Filter log records: a run with nothing to do ends with the results, too."""
    if record.getMessage() == NOTHING_TO_BE_DONE_MSG:
        record.msg = f"{record.getMessage()}{said_at_the_end()}"
    return True


def in_full(formatter):
    """Have a formatter write all details of jobs; Snakemake omits them if a rule has a message."""
    written = formatter.format_job_info
    formatter.format_job_info = lambda job: written({**job, "rule_msg": None})


def run_begins(record):
    """Filter log records: once a run or dry run starts, the terminal shows our lines."""
    if getattr(record, "event", None) == LogEvent.WORKFLOW_STARTED:
        logger.removeHandler(SNAKEMAKES)
        logger.addHandler(Lines())
        if not QUIET:
            TERMINAL.watch()
    return True


quiet = workflow.output_settings.quiet or ()
QUIET = Quietness.PROGRESS in quiet
SNAKEMAKES = next(
    (one for one in logger.handlers if one.name == "DefaultStreamHandler"), None
)
TERMINAL = Terminal(SNAKEMAKES.stream if SNAKEMAKES else sys.stderr)
# as in profiles/default
OURS = (
    SNAKEMAKES is not None
    and not (workflow.output_settings.verbose or is_module())
    and {Quietness.HOST, Quietness.RULES} <= set(quiet)
)
if workflow.is_main_process:
    for handler in workflow.logger_manager.logfile_handlers:
        handler.filters[0].quiet = handler.formatter.quiet = set()
        in_full(handler.formatter)
    if SNAKEMAKES:
        in_full(SNAKEMAKES.formatter)
    if OURS:
        SNAKEMAKES.addFilter(lambda record: not str(record.msg).startswith(CHATTER))
        logger.addFilter(run_begins)
        atexit.register(TERMINAL.end)
    after_last_job(end_of_run)
    logger.addFilter(end_of_nothing)
