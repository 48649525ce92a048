# The files of an experiment as inputs and outputs of rules. No rules.
from glob import glob


def study(wildcards):
    """The experiment of a job."""
    return EXPERIMENTS[wildcards.experiment]


def layout(wildcards):
    """The paths of all files of a job's experiment."""
    return LAYOUTS[wildcards.experiment]


def every(files, *of):
    """An input function: all files of a kind, as a layout's method names them."""
    return lambda wildcards: list(files(layout(wildcards), *of).values())


def splits_of(stage):
    """An input function: a stage's files of all splits of a generator."""
    return lambda wildcards: [
        path
        for (generator, _), path in layout(wildcards).by_split(stage).items()
        if generator == wildcards.generator
    ]


def given(path):
    """An optional input: no file where there is no path."""
    return [] if path is None else path


def table(name, category, caption=None):
    """A table of the report in its four formats; Snakemake's report uses the first."""
    path = f"results/{{experiment}}/tables/{name}"
    text = f"../report/{caption or name}.rst"
    first = report(f"{path}.csv", caption=text, category=category)
    return [first, *(f"{path}.{ending}" for ending in ("md", "tex", "json"))]


def shown(wildcards):
    """The settings that captions of tables and figures show."""
    return study(wildcards).presentation()


def figure(name, category):
    """A figure in its two formats; Snakemake's report uses the first."""
    path = f"results/{{experiment}}/figures/{name}"
    text = f"../report/{name}_figure.rst"
    return [report(f"{path}.svg", caption=text, category=category), f"{path}.pdf"]


def files_of_ratings(wildcards):
    """The files of ratings so far, in a fixed order, without folders."""
    found = glob(study(wildcards).ratings)
    return sorted(path for path in found if os.path.isfile(path))


def converted(wildcards):
    """The base that a model folder is made from."""
    bases = (base for item in EXPERIMENTS.values() for base in item.bases.values())
    name = f"{wildcards.source}/{wildcards.key}"
    return next(base for base in bases if base.made == name)


def convertible():
    """The model folders of bases whose file or package is on this machine."""
    bases = (base for item in EXPERIMENTS.values() for base in item.bases.values())
    made = (base for base in bases if base.made and not sources.not_there(base))
    return sorted({f"{RESOURCES}/models/{base.made}" for base in made})


def digest_of_gguf(wildcards):
    """The digest of a base's GGUF file; empty for a package, which its version identifies."""
    base = converted(wildcards)
    kept = Path(f"{RESOURCES}/models/{base.made}.json")
    return sources.digest_of_file(sources.gguf_of(base), kept) if base.gguf else ""


WITH_FILTER = [name for name, item in EXPERIMENTS.items() if item.filter]
