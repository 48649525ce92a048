"""Adapt Snakemake's Slurm plugin to a site's way of requesting resources.

The plugin requests GPUs by ``--gpus`` and memory by ``--mem`` only, rejects GPU models with a dash
in their name, and treats every refusal as a failed job. Here two resources select other options,
models keep the site's names, and temporary refusals are retried (:mod:`papertune.cluster.sbatch`).
All dependence on the plugin's internals is in this module (checked with 2.8.0).
"""

import os
import re
import shlex
import sys
from collections.abc import Mapping
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from papertune.cluster import sbatch
from papertune.cluster.requests import ask_of
from papertune.cluster.slurm import ClusterError

PLUGIN = "snakemake_executor_plugin_slurm"
GPU_OPTION, GPU_OPTIONS = "gpu_option", ("gpus", "gpus-per-node", "gres")
MEMORY_OPTION, MEMORY_OPTIONS = "memory_option", ("mem", "mem-per-cpu", "none")


def submits(executor: Any) -> bool:
    """Whether a Snakemake executor submits to Slurm."""
    return type(executor).__module__ == PLUGIN


def adapt() -> None:
    """Make the plugin submit with :func:`options`, and wait if a refusal is temporary."""
    plugin, written = import_module(PLUGIN), import_module(f"{PLUGIN}.submit_string")

    def command(job: Any, *given: Any, **settings: Any) -> str:
        call = _with_memory(job, written.get_submit_command(job, *given, **settings))
        program = shlex.join([sys.executable, "-I", str(sbatch.__file__), str(os.getpid())])
        return f"{program} {call.removeprefix('sbatch ')}"

    # the plugin imports these two names into its own modules
    vars(plugin).update(get_submit_command=command, set_gres_string=gpus_of)


def options(executor: Any, rule: str, resources: Mapping[str, Any], threads: int) -> list[str]:
    """The options that the executor would give to sbatch; ClusterError if it would not submit."""
    # the plugin's own functions build the command; they exist wherever it runs
    written, validation = (import_module(f"{PLUGIN}.{n}") for n in ("submit_string", "validation"))
    job = SimpleNamespace(name=rule, resources=_Resources(resources), threads=threads)
    try:
        validation.validate_slurm_extra(job)
        values = {
            "run_uuid": "papertune-check",
            "slurm_logfile": os.devnull,
            "comment_str": rule,
            "account": next(executor.get_account_arg(job)),
            "partition": executor.get_partition_arg(job),
            "workdir": executor.workflow.workdir_init,
        }
        settings = executor.workflow.executor_settings
        call = written.get_submit_command(job, values, settings=settings)
        return shlex.split(_with_memory(job, call) + gpus_of(job))[1:]
    except ClusterError:
        raise
    except FileNotFoundError as error:  # guessing the account takes commands that may be missing
        raise ClusterError(
            f"the executor needs {error.filename}, which is not installed",
            hint="set the account in the profile: slurm_account",
        ) from None
    except Exception as error:  # Snakemake's own errors, which the library does not import
        raise ClusterError(" ".join(str(error).split())) from None


def gpus_of(job: Any) -> str:
    """The options that request a job's GPUs and other generic resources in the site's form.

    A ``gres`` in the profile that names GPUs replaces the experiment's request for them.
    """
    option = _chosen(job, GPU_OPTION, GPU_OPTIONS)
    ask = ask_of({**dict(job.resources.items()), "_cores": job.threads})
    gres = [one for one in str(job.resources.get("gres") or "").strip("'\"").split(",") if one]
    named = [one for one in gres if re.match(r"gpu(:|$)", one)]
    if named and ask.nodes == 1:
        count = sum(int(found[0]) if (found := re.findall(r":(\d+)$", one)) else 1 for one in named)
        if ask.gpus not in (0, count):
            raise ClusterError(
                f"the profile's gres requests {count} GPU{'s' * (count != 1)} ({','.join(named)}), "
                f"the experiment {ask.gpus}",
                hint=f"{GPU_OPTION}: gres and gpu_model instead of gres, or compute.gpu: {count}",
            )
        return f" --gres={shlex.quote(','.join(gres))}"
    kind = [ask.model] if ask.model else []
    each, whole = (":".join([*kind, str(number)]) for number in (ask.gpus_each, ask.gpus))
    if ask.gpus and option == "gres" and not named:
        gres.append(f"gpu:{each}")
    asked = {"gres": ",".join(gres)}
    if ask.gpus and option != "gres":
        asked[option] = whole if option == "gpus" else each
    return "".join(f" --{name}={shlex.quote(value)}" for name, value in asked.items() if value)


def _with_memory(job: Any, call: str) -> str:
    """An sbatch command that requests the memory of a node in the site's form."""
    option = _chosen(job, MEMORY_OPTION, MEMORY_OPTIONS)
    if option == "mem":
        return call
    cpus = ask_of({**dict(job.resources.items()), "_cores": job.threads}).cpus

    def instead(found: re.Match[str]) -> str:
        return f" --mem-per-cpu {-(-int(found[1]) // cpus)}" if option == "mem-per-cpu" else ""

    return re.sub(r" --mem (\d+)", instead, call, count=1)


def _chosen(job: Any, name: str, known: tuple[str, ...]) -> str:
    value = str(job.resources.get(name) or known[0]).removeprefix("--")
    if value not in known:
        raise ClusterError(f"{name}: {value!r} is not one of {', '.join(known)}")
    return value


class _Resources(dict[str, Any]):
    """Resources as the plugin reads them: by attribute and by ``get``."""

    __getattr__ = dict.get
