# All checks of `snakemake doctor`. No rules; the target itself is in commands.smk.
import os

import psutil

from papertune.cluster import doctor, findings, hub, machine, needs, session
from papertune.cluster import executor as plugin
from papertune.jobs import gpus

# a copy, because the executor removes Slurm's variables from the environment
STARTED_IN = dict(os.environ)


def told_of_session():
    return session.check_session(STARTED_IN, workflow.resource_settings.nodes)


def whole_doctor(executor, folders):
    """Yield the findings for complete runs of the experiments."""
    every, here = LAYOUTS.values(), not plugin.submits(executor)
    checks = {
        "this session": lambda: () if here else told_of_session(),
        "what the Hub has": lambda: hub.ask_hub(every),
        "memory": lambda: machine.check_memory(
            [task for item in every for task in footprint.tasks_of(item)],
            memory_there(),
        ),
        "this machine without a GPU": lambda: (
            machine.check_processor(every, psutil.virtual_memory().total)
            if here and gpus.gpu_memory() is None
            else ()
        ),
    }
    yield from doctor.examine(executor, kinds_of_experiments, LAYOUTS, folders)
    for what, check in checks.items():
        yield from findings.guarded(what, check)
    yield from needs.check_needs(every, RESOURCES, is_made)
