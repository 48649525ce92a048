# Papertune: does fine-tuning on a body of documents help, and does the answer survive a change
# of question writer? Each rule file under workflow/rules/ is one stage; config/README.md
# explains every key.
from snakemake.utils import min_version

min_version("9.20")


configfile: f"{workflow.basedir}/config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/collect.smk"
include: "workflow/rules/synthesize.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"


# What a person can ask for, from left to right; `snakemake` alone makes the report.
rule all:
    default_target: True
    input:
        expand("results/{experiment}/report.html", experiment=EXPERIMENTS),


rule documents:
    input:
        [path for name in EXPERIMENTS for path in document_files(name)],


rule datasets:
    input:
        [path for name in EXPERIMENTS for path in dataset_files(name)],


rule models:
    input:
        [path for name in EXPERIMENTS for path in model_folders(name)],


rule scores:
    input:
        [path for name in EXPERIMENTS for path in score_files(name).values()],
