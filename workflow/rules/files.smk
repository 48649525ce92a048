# The files of an experiment as rules take and make them. No rules.
from glob import glob


def study(wildcards):
    """The experiment of a job."""
    return EXPERIMENTS[wildcards.experiment]


def layout(wildcards):
    """Where everything of a job's experiment lies."""
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
    """A table of the report in its three forms; Snakemake's report takes the first."""
    path = f"results/{{experiment}}/tables/{name}"
    text = f"../report/{caption or name}.rst"
    first = report(f"{path}.csv", caption=text, category=category)
    return [first, f"{path}.md", f"{path}.tex"]


def shown(wildcards):
    """What captions of tables and figures say."""
    return study(wildcards).presentation()


def figure(name, category):
    """A figure, shown in Snakemake's report."""
    path = f"results/{{experiment}}/figures/{name}.svg"
    return report(path, caption=f"../report/{name}_figure.rst", category=category)


def files_of_ratings(wildcards):
    """What people saved so far, in a fixed order; what is no file is none of theirs."""
    found = glob(study(wildcards).ratings)
    return sorted(path for path in found if os.path.isfile(path))


def there(experiment, folder):
    """A model folder, with an error in words where it is one of the user's that is not there."""
    for name, base in EXPERIMENTS[experiment].bases.items():
        mine = LAYOUTS[experiment].base_named(name) == folder
        if mine and not base.package and not os.path.lexists(folder):
            if lacking := sources.not_there(base):
                what, hint = lacking
                where = f"experiment {experiment}, base {name}"
                with in_words():
                    raise PapertuneError(what, where=where, hint=hint)
    return folder


def base_of(wildcards):
    """The folder of a model's base."""
    return there(wildcards.experiment, layout(wildcards).base(wildcards.model))


def converted(wildcards):
    """The base that a model folder is made of."""
    bases = (base for item in EXPERIMENTS.values() for base in item.bases.values())
    name = f"{wildcards.source}/{wildcards.key}"
    return next(base for base in bases if base.made == name)


def digest_of_gguf(wildcards):
    """What is in its file; a package is known by its version."""
    base = converted(wildcards)
    kept = Path(f"{RESOURCES}/models/{base.made}.json")
    return sources.digest_of_file(sources.gguf_of(base), kept) if base.gguf else ""


WITH_FILTER = [name for name, item in EXPERIMENTS.items() if item.filter]


def unrelated_file(wildcards):
    """The file that the others stand in, if it is one; an error in words where nothing makes it."""
    against = study(wildcards).filter.against
    if against.kind == "hub_dataset":
        return []
    if against.kind == "table":
        path, hint = against.path, "bring it, or name another one"
        made = False
    else:
        inside = against.generator, against.split
        path = f"results/{against.experiment}/datasets/{'/'.join(inside)}.parquet"
        other = LAYOUTS.get(against.experiment)
        made = other is not None and inside in other.generated
        hint = f"run {against.experiment} too (--config experiments=…), with such pairs in it"
    if not made and not os.path.exists(path):
        where = f"experiment {wildcards.experiment}, filter.against"
        what = f"no file {path}"
        with in_words():
            raise PapertuneError(what, where=where, hint=hint)
    return path
