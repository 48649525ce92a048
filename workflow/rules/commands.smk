# Commands, which make no file. What replaces or deletes what others may be reading does so only where
# nobody else is at work.


# Lists again what was listed before; the next run makes what depends on the listings that changed.
# One job for all experiments and years, so that no site is asked by two at once.
rule refresh:
    """lists again what was listed before; the next run makes what depends on it"""
    log:
        "logs/refresh.log",
    localrule: True
    conda:
        "../../envs/collect.yaml"
    resources:
        web=1,
    script:
        "../scripts/refresh.py"


# Deletes from the store what no experiment refers to: neither the named ones nor any in config/.
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


# All checks of the cluster and of this machine in words; `check_run` does the work.
rule doctor:
    """checks of this machine, the cluster and what the experiments need"""
    localrule: True


# Everything that is asked goes to the store, where the run that follows finds it.
rule preview:
    """five documents, pairs by each writer, what models read, and what the whole will take"""
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
