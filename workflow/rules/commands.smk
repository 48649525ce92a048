# Commands, which make no file. Those that replace or delete files run only if no other run that might
# read the files is active.


# One job for all experiments and years, so that no site gets requests from two at once.
rule refresh:
    """lists all sources again; the next run remakes what depends on changed listings"""
    log:
        "logs/refresh.log",
    localrule: True
    conda:
        "../../envs/collect.yaml"
    resources:
        web=1,
    script:
        "../scripts/refresh.py"


# "No experiment": neither those that are named nor any in config/.
rule prune:
    """deletes from the store what no experiment refers to"""
    log:
        "logs/prune.log",
    localrule: True
    conda:
        "../../envs/models.yaml"
    params:
        files=[
            str(path.resolve())
            for folder in (Path(), Path(workflow.basedir), ROOT)
            for path in files_in(folder / "config/experiments")
        ],
    script:
        "../scripts/prune.py"


# `check_run` makes the checks.
rule doctor:
    """checks this machine, the cluster and what the experiments need"""
    localrule: True


# All replies go to the store, where the following run finds them.
rule preview:
    """shows five documents, pairs by each writer, the models' prompts, and the estimated cost"""
    input:
        lambda wildcards: convertible(),
    log:
        "logs/preview.log",
    localrule: True
    conda:
        "../../envs/preview.yaml"
    threads: 2
    resources:
        web=1,
    params:
        submits=workflow.resource_settings.nodes is not None,
    script:
        "../scripts/preview.py"
