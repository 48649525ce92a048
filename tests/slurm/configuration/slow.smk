# two jobs of the cluster, each of which says when it began and ended
import sys
from pathlib import Path

ROOT = Path(workflow.basedir).parents[2]
sys.path.insert(0, str(ROOT / "workflow/scripts"))

from papertune.errors import PapertuneError
from papertune.jobs import running
from papertune.owned import NotOwned

config.setdefault("store", "store")
RESOURCES, EXPERIMENTS, LAYOUTS = "resources", {}, {}
if "--unlock" in sys.argv:
    running.forget_ended()


onstart:
    running.begin()
    check_run()


include: "../../../workflow/rules/terminal.smk"
include: "../../../workflow/rules/failed_jobs.smk"
include: "../../../workflow/rules/cluster.smk"


rule all:
    default_target: True
    input:
        expand("{name}.txt", name=config.get("names", ["a", "b"])),


rule slow:
    output:
        "{name}.txt",
    params:
        word=config.get("word", "first"),
    resources:
        mem_mb=100,
        runtime=5,
    shell:
        "echo begin {wildcards.name} >> log; while ! test -e go; do sleep 0.2; done;"
        " echo {params.word} > {output}; echo end {wildcards.name} >> log"
