# The files of an experiment as rules take and make them. No rules.


def study(wildcards):
    """The experiment of a job."""
    return EXPERIMENTS[wildcards.experiment]


def layout(wildcards):
    """Where everything of a job's experiment lies."""
    return LAYOUTS[wildcards.experiment]


def every(files, *of):
    """An input function: all files of a kind, as a layout's method names them."""
    return lambda wildcards: list(files(layout(wildcards), *of).values())


def given(path):
    """An optional input: no file where there is no path."""
    return [] if path is None else path


def table(name, category):
    """A table of the report in its three forms; Snakemake's report takes the first."""
    path = f"results/{{experiment}}/tables/{name}"
    first = report(f"{path}.csv", caption=f"../report/{name}.rst", category=category)
    return [first, f"{path}.md", f"{path}.tex"]


def shown(wildcards):
    """What captions of tables and figures say."""
    return study(wildcards).presentation()


def figure(name, category):
    """A figure, shown in Snakemake's report."""
    path = f"results/{{experiment}}/figures/{name}.svg"
    return report(path, caption=f"../report/{name}_figure.rst", category=category)
