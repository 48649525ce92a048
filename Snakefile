# Papertune: does fine-tuning on a body of documents help, and does the answer survive a change
# of question writer? workflow/rules/ has a file per stage, config/README.md explains every key.
from snakemake.utils import min_version

min_version("9.20")


configfile: f"{workflow.basedir}/config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/sources.smk"
include: "workflow/rules/collect.smk"
include: "workflow/rules/synthesize.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/cluster.smk"


# What a person can ask for, from left to right; `snakemake` alone makes the report.
rule all:
    default_target: True
    input:
        expand("results/{experiment}/report.html", experiment=EXPERIMENTS),


rule documents:
    input:
        [layout.documents() for layout in LAYOUTS.values()],


rule bundle:
    input:
        expand("bundles/{experiment}.tar", experiment=EXPERIMENTS),


rule datasets:
    input:
        [list(layout.by_split("datasets").values()) for layout in LAYOUTS.values()],


rule models:
    input:
        [list(layout.models().values()) for layout in LAYOUTS.values()],


rule scores:
    input:
        [list(layout.by_cell("scores").values()) for layout in LAYOUTS.values()],


# All checks of the cluster and of this machine in words; it makes nothing, `check_run` does the work.
rule doctor:
    localrule: True
