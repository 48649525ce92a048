"""The keys of an experiment file beside those about its documents."""

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
    prompt: str = Field("workflow/prompts/answer.txt", description="template of what a model reads")
    generators: dict[Name, settings.Generator] = Field(
        min_length=1, description="name → what writes question–answer pairs"
    )
    dataset: settings.Writers = Field(
        "", description="the generator whose pairs train, or several; the first where empty"
    )
    union: settings.HowMany = added(
        "equal",
        description="pairs of several writers: as many as the one with the fewest has, or all",
    )
    test_sets: TestSets = Field(
        [], description="generators of test sets, all where it is empty; or the sets by name"
    )
    probes: dict[Name, settings.Probe] = added(
        {}, description="a few questions whose answers are shown side by side, and rated"
    )
    ratings: str = added("", description="files of what people rated, such as ratings/*.json")
    bases: dict[Name, settings.Base] = Field(min_length=1, description="name → base language model")
    training: Training = Field(Training(), description="hyperparameters that all models share")
    models: dict[settings.ModelName, settings.Model] = Field(
        min_length=1, description="name → base, method and settings of a model"
    )
    seeds: settings.Seeds = Field(
        [1], min_length=1, description="one training run of each model for each seed"
    )
    tracking: Tracker = cosmetic(
        "", description="whom trainings tell losses and scores while they run: trackio, for example"
    )
    answering: settings.Answering = Field(settings.Answering(), description="how models answer")
    embedder: settings.Embedder = Field(
        settings.Embedder(),
        description="the sentence-embedding model that similarity is measured with",
    )
    embedders: dict[Name, settings.Embedder] = added(
        {}, description="further ones by name: each has a metric similarity@NAME"
    )
    metrics: list[str] = Field(
        ["similarity", "bleu", "rouge_l", "token_f1"],
        min_length=1,
        description="what answers are scored by",
    )
    programs: settings.Programs = added(
        settings.Programs(),
        description="how answers that are Python programs are run with their tests",
    )
    comparison: settings.Comparison = Field(
        settings.Comparison(), description="how models are held against their baselines"
    )
    reproduces: settings.Reproduction | None = cosmetic(
        None, description="the report, for the page of all of them"
    )
    published: list[settings.Published] = Field(
        [], description="published tables, shown beside what was measured"
    )
    filter: settings.QuestionFilter | None = added(
        None, description="tells the study's questions from others; none is learned where null"
    )
    records: settings.Records = cosmetic(
        settings.Records(), description="of the files of chats that `snakemake records` writes"
    )
    export: list[str] = Field([], description="models to export; all trained ones where empty")
    compute: settings.Compute = Field(
        settings.Compute(),
        description="what jobs that run a language model ask for; no result depends on it",
    )
