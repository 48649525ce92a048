"""The internals of Snakemake and urllib3 that rules and the web code use exist.

Seen on Snakemake 9 and urllib3 2.8; of transformers and bitsandbytes see the rooms of models and
training.
"""

import inspect

import pytest


def test_of_snakemake():
    from snakemake.api import Workflow  # first: the modules import each other
    from snakemake.modules import WorkflowModifier
    from snakemake.persistence import PersistenceBase
    from snakemake.persistence.file import FilePersistence
    from snakemake.scheduling.job_scheduler import JobScheduler

    whole = inspect.getsource(Workflow)
    assert "self._localrules" in whole and "self._onstart" in whole and "self._onsuccess(" in whole
    assert "self.parent_modifier = None" in inspect.getsource(WorkflowModifier)
    scheduler = inspect.getsource(JobScheduler)
    assert "self._executor" in scheduler and "self.failed = set()" in scheduler
    noted = inspect.getsource(PersistenceBase.finished)
    assert "record.params = params" in noted and "self._write_record(key, record)" in noted
    assert PersistenceBase._clear_cache and PersistenceBase._read_record
    assert "self._lockfile[lock_type] = lockfile" in inspect.getsource(FilePersistence._write_locks)
    assert "self._lockfile.clear()" in inspect.getsource(FilePersistence._delete_locks)
    assert "self.params(outfile)" in inspect.getsource(PersistenceBase.params_changed)


def test_of_what_snakemake_logs():
    from snakemake.api import Workflow
    from snakemake.jobs import Job
    from snakemake.logging import DefaultFilter, DefaultFormatter, LoggerManager
    from snakemake.scheduling.job_scheduler import JobScheduler

    manager = inspect.getsource(LoggerManager)
    assert "self.logfile_handlers[handler] = logfile" in manager
    assert 'stream_handler.name = "DefaultStreamHandler"' in manager
    assert "self.quiet" in inspect.getsource(DefaultFilter.filter)
    assert 'msg["rule_msg"]' in inspect.getsource(DefaultFormatter.format_job_info)
    run = inspect.getsource(Workflow.execute)
    begins, plans = run.index("event=LogEvent.WORKFLOW_STARTED"), run.index("LogEvent.RUN_INFO")
    assert begins < plans < run.index("self._onstart(") < run.index('"This was a dry-run')
    said = inspect.getsource(Job.log_info)
    for name in ("jobid", "rule_name", "rule_msg", "local", "log", "wildcards", "priority"):
        assert f"{name}=" in said
    ends = inspect.getsource(JobScheduler)
    assert "event=LogEvent.JOB_FINISHED, job_id=job.jobid" in ends
    assert "done=self.finished_jobs" in ends and "total=len(self.workflow.dag)" in ends


def test_of_the_slurm_plugin():
    import snakemake_executor_plugin_slurm as plugin

    for submits in (plugin.Executor.run_job, plugin.Executor.run_array_jobs):
        source = inspect.getsource(submits)
        assert "call = get_submit_command(" in source and "call += set_gres_string(" in source
    from snakemake_executor_plugin_slurm import submit_string

    written = inspect.getsource(submit_string.get_submit_command)
    assert '"sbatch "' in written and 'f" --mem {job.resources.mem_mb}"' in written


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip"])
def test_of_urllib3(encoding):
    from urllib3.connection import HTTPConnection
    from urllib3.response import GzipDecoder, _get_decoder

    connection = HTTPConnection("example.org")
    assert connection._dns_host == "example.org" and callable(connection._new_conn)
    decoder = _get_decoder(encoding)
    assert isinstance(decoder, GzipDecoder)
    assert decoder._state == 0 and decoder._obj.eof is False
