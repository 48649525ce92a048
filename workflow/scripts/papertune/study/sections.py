"""The keys of an experiment file besides those about its documents."""

from pydantic import Field

from papertune.study import settings
from papertune.study.documents import Documents
from papertune.study.settings import Name, TestSets, Training, added, cosmetic
from papertune.study.tracking import Tracker


class Sections(Documents):
    """What an experiment does with its documents, key by key."""

    instruction: str = Field(
        "Read the abstract and answer the question", description="the first field of every pair"
    )
    prompt: str = Field(
        "workflow/prompts/answer.txt", description="path of the template for prompts"
    )
    generators: dict[Name, settings.Generator] = Field(
        min_length=1, description="name → what writes question–answer pairs"
    )
    dataset: settings.Writers = Field(
        "", description="one or several generators whose pairs train; empty: the first generator"
    )
    union: settings.HowMany = added(
        "equal",
        description="pairs of each of several generators: as many as the smallest has, or all",
    )
    test_sets: TestSets = Field(
        [], description="generators of test sets (empty: all), or the sets by name"
    )
    probes: dict[Name, settings.Probe] = added(
        {}, description="a few questions whose answers are shown side by side, and rated"
    )
    ratings: str = added("", description="files of people's ratings, such as ratings/*.json")
    bases: dict[Name, settings.Base] = Field(min_length=1, description="name → base language model")
    training: Training = Field(Training(), description="hyperparameters that all models share")
    models: dict[settings.ModelName, settings.Model] = Field(
        min_length=1, description="name → base, method and settings of a model"
    )
    seeds: settings.Seeds = Field(
        [1], min_length=1, description="one training run of each model for each seed"
    )
    tracking: Tracker = cosmetic(
        "", description="tracker that logs losses and scores during training, such as trackio"
    )
    answering: settings.Answering = Field(settings.Answering(), description="how models answer")
    embedder: settings.Embedder = Field(
        settings.Embedder(),
        description="the sentence-embedding model that similarity is measured with",
    )
    embedders: dict[Name, settings.Embedder] = added(
        {}, description="further embedders by name, each with a metric similarity@NAME"
    )
    metrics: list[str] = Field(
        ["similarity", "bleu", "rouge_l", "token_f1"],
        min_length=1,
        description="metrics by which answers are scored",
    )
    programs: settings.Programs = added(
        settings.Programs(),
        description="how answers that are Python programs are run with their tests",
    )
    comparison: settings.Comparison = Field(
        settings.Comparison(), description="how models are compared with their baselines"
    )
    reproduces: settings.Reproduction | None = cosmetic(
        None, description="the published report that the study reproduces; null: none"
    )
    published: list[settings.Published] = Field(
        [], description="published tables, shown beside the measured values"
    )
    filter: settings.QuestionFilter | None = added(
        None, description="filter that tells the study's questions from others; null: none"
    )
    records: settings.Records = cosmetic(
        settings.Records(), description="settings of the chat files that `snakemake records` writes"
    )
    export: list[str] = Field([], description="models to export; empty: all trained ones")
    compute: settings.Compute = Field(
        settings.Compute(),
        description="resources of jobs that run a language model; no result depends on them",
    )
