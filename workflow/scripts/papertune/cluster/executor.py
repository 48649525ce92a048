"""What submits to Slurm: a plugin of Snakemake, told to ask as a site wants to be asked.

The plugin knows one way to ask for GPUs (``--gpus``) and for memory (``--mem``), refuses GPU models
with a dash in their name, and takes every refusal for a job that failed. Here sites say otherwise by
two resources, models are named as the site names them, and what refuses for a while is asked again
(:mod:`papertune.cluster.sbatch`). All that is taken from the plugin stands here (seen on 2.8.0).
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
    """Have the plugin submit as :func:`options` says, and wait where a refusal passes."""
    plugin, written = import_module(PLUGIN), import_module(f"{PLUGIN}.submit_string")

    def command(job: Any, *given: Any, **settings: Any) -> str:
        call = _with_memory(job, written.get_submit_command(job, *given, **settings))
        program = shlex.join([sys.executable, "-I", str(sbatch.__file__), str(os.getpid())])
        return f"{program} {call.removeprefix('sbatch ')}"

    # the plugin has these two by name from its own modules
    vars(plugin).update(get_submit_command=command, set_gres_string=gpus_of)


def options(executor: Any, rule: str, resources: Mapping[str, Any], threads: int) -> list[str]:
    """The options that the executor would give to sbatch; ClusterError where it would not submit."""
    # the plugin's own functions are what is submitted with; where it runs, they are there
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
    except FileNotFoundError as error:  # it guesses accounts with commands that may be missing
        raise ClusterError(
            f"the executor wants {error.filename}, which is not installed",
            hint="name the account in the profile: slurm_account",
        ) from None
    except Exception as error:  # Snakemake's own errors, which the library does not know
        raise ClusterError(" ".join(str(error).split())) from None


def gpus_of(job: Any) -> str:
    """The options that ask for a job's GPUs and other generic resources, as its site takes them.

    A ``gres`` of the profile that names GPUs stands for them: it is the same request, once more.
    """
    option = _chosen(job, GPU_OPTION, GPU_OPTIONS)
    ask = ask_of({**dict(job.resources.items()), "_cores": job.threads})
    gres = [one for one in str(job.resources.get("gres") or "").strip("'\"").split(",") if one]
    named = [one for one in gres if re.match(r"gpu(:|$)", one)]
    if named and ask.nodes == 1:
        count = sum(int(found[0]) if (found := re.findall(r":(\d+)$", one)) else 1 for one in named)
        if ask.gpus not in (0, count):
            raise ClusterError(
                f"the profile's gres asks for {count} GPU{'s' * (count != 1)} ({','.join(named)}), "
                f"the experiment for {ask.gpus}",
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
    """A call of sbatch with the memory of a node asked for as the site takes it."""
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
        raise ClusterError(f"{name}: {value!r} is none of {', '.join(known)}")
    return value


class _Resources(dict[str, Any]):
    """Resources as the plugin reads them: as attributes and with ``get``."""

    __getattr__ = dict.get
