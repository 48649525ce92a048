"""Each setting, changed in turn: what depends on it is planned again, and nothing upstream.

Settings are found in the schema. What is marked cosmetic plans tables, figures and page at most.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, Literal, get_args, get_origin

import pytest
import yaml
from pydantic.fields import FieldInfo

from papertune.errors import SettingsError
from papertune.metrics import METRICS
from papertune.study import uses
from papertune.study.experiment import Experiment
from papertune.study.layout import Layout
from papertune.study.recipe import Recipe
from papertune.study.settings import Settings
from snakemake_run import ROOT

REPORT = ("write_cost", "report")
ORDER = (
    *("list_documents", "find_texts", "synthesize", "describe_dataset", "write_chat_records"),
    *("write_corpus", "pretrain_base"),
    *(
        "train",
        "choose_questions",
        "gather_probes",
        "answer",
        "score",
        "compare",
        "rate_probes",
        "list_unrelated",
        "learn_filter",
        "count_stages",
        "export_model",
        *REPORT,
    ),
)
# section of an experiment file → the first rule that may depend on it
FIRST = {
    "source": "list_documents", "splits": "list_documents", "fetching": "find_texts",
    "instruction": "synthesize", "generators": "synthesize", "test_sets": "synthesize",
    "records": "write_chat_records",
    "dataset": "synthesize", "models": "synthesize",  # which has to write what a model trains on
    "bases": "pretrain_base", "training": "train", "union": "train", "seeds": "train",
    "embedder": "train", "embedders": "train", "answering": "answer", "metrics": "score", "programs": "score",
    "probes": "gather_probes", "ratings": "rate_probes",
    "comparison": "compare", "export": "export_model",
    "filter": "synthesize",  # which has to write the study's questions
    # whether models read the text decides what equal pairs are
    "prompt": "synthesize",
}  # fmt: skip
SHOWN = ("published", "reproduces", "title", "question", "expected", "compute", "tracking")
FIRST |= dict.fromkeys(SHOWN, REPORT[0])
TRIED = 4  # other values of a setting, as long as none has an effect
YEARS = {"train": {"from": 2005, "to": 2006}, "test": {"from": 2008, "to": 2008}}
SHA = "a" * 40
# one of each branch of a union, with what it needs
SOURCES: list[dict[str, Any]] = yaml.safe_load(f"""
- {{kind: demo}}
- {{kind: dblp, url: "https://a.example/{{year}}"}}
- {{kind: dblp_api, query: "a {{year}}"}}
- {{kind: dblp_sparql, streams: [conf/isca]}}
- {{kind: dblp_sparql, venues: [ISCA]}}
- {{kind: dblp_sparql, query: a}}
- {{kind: dblp_snapshot, path: a.xml, keys: [conf/isca]}}
- {{kind: pmlr, volumes: {{2005: [1]}}}}
- {{kind: acl, url: "https://a.example"}}
- {{kind: acl_xml, path: a.xml}}
- {{kind: arxiv, query: a, category: cs.AR}}
- {{kind: openalex, source: S1}}
- {{kind: openalex, issn: 1234-5678}}
- {{kind: openalex, venue: a}}
- {{kind: crossref, issn: 1234-5678}}
- {{kind: crossref, container_title: a}}
- {{kind: crossref, event: a}}
- {{kind: semantic_scholar, venue: a}}
- {{kind: bibtex, paths: [a.bib]}}
- {{kind: files, path: "a/{{year}}.jsonl"}}
- {{kind: pdfs, path: "a/{{year}}"}}
- {{kind: stack_exchange, site: math}}
- {{kind: stack_dump, site: math, path: a.xml}}
- {{kind: wikipedia, titles: [a]}}
- {{kind: pairs, path: a.csv, columns: {{question: q, answer: a}}}}
- {{kind: pairs, path: a.csv, columns: {{messages: m}}}}
- {{kind: pairs, path: a.csv, columns: {{question: q, answer: a, year: y}}}}
- {{kind: human_eval}}
- {{kind: hub_dataset, dataset: a/b, revision: {SHA}, columns: {{question: q, answer: a}}}}
""")
UNRELATED = (
    {"kind": "table", "path": "a.csv"},
    {"kind": "hub_dataset", "dataset": "a/b", "revision": SHA},
)
UNDATED = {"wikipedia", "pairs", "hub_dataset", "human_eval"}
FULL = yaml.safe_load(f"""
generators:
  rules: {{backend: rules, style: cloze}}
  posts: {{backend: source}}
  local: {{backend: transformers, model: a/b, revision: {SHA}, prompt: workflow/prompts/short.txt,
          decoding: {{temperature: 0.5}}}}
  served: {{backend: openai, model: a, url: "http://a.example", prompt: workflow/prompts/short.txt,
           decoding: {{temperature: 0.5}}}}
  begun: {{backend: openai, model: a, serve: "a $port b", prompt: workflow/prompts/short.txt}}
bases:
  hub: {{hub: a/b, revision: {SHA}}}
  folder: {{path: a}}
  file: {{gguf: a.gguf}}
  packaged: {{package: {{name: a, version: "1", file: b/c.gguf}}}}
  joined: {{package: {{name: a, version: "1",
           parts: [{{name: b, version: "1", file: c}}, {{name: d, file: e}}]}}}}
  own: {{pretrain: {{corpus: {{files: [a.jsonl], experiments: [a, b]}}}}}}
models:
  judged: {{base: hub, method: scratch, training: {{best_by: similarity@other}}}}
  baseline: {{base: hub, method: baseline}}
  full: {{base: own, method: full, subset: {{first: 3}}}}
  lora: {{base: folder, method: lora, subset: {{fraction: 0.5}}}}
  read: {{base: file, method: full}}
  carried: {{base: packaged, method: full}}
  parted: {{base: joined, method: full}}
  qlora: {{base: hub, method: qlora, freeze: {{first: 1, last: 1}}}}
  packed: {{base: hub, method: full, dataset: [rules, posts], examples: {{packing: whole}}}}
embedder: {{model: a/b, revision: {SHA}}}
embedders: {{other: {{model: c/d, revision: {SHA}}}}}
""")


def experiments() -> Iterator[tuple[Experiment, tuple[str, ...]]]:
    """Enough of them to have each setting where it counts, and the sections to look at in each."""
    small = {"bases": {"a": {"path": "a"}}, "models": {"full": {"base": "a", "method": "full"}}}
    generators = {"generators": {"rules": FULL["generators"]["rules"]}}
    for source in SOURCES:
        dated = source["kind"] not in UNDATED or "year" in source.get("columns", {})
        splits = YEARS if dated else {"test": 0.5}
        values = {"source": source, "splits": splits} | small | generators
        yield Experiment.model_validate(values), ("source", "splits")
    scored = {"kind": "stack_exchange", "site": "math"}
    top = {"models": {"full": {"base": "hub", "method": "full", "subset": {"top": 3}}}}
    whole = {"source": SOURCES[0], "splits": YEARS} | FULL
    yield Experiment.model_validate(whole), tuple(FIRST)
    for more in (
        {
            "reproduces": {
                "report": "a",
                "lines": [{"what": "a", "ours": ["tables/years", "figures/loss"]}],
            }
        },
        {"published": [{"test_set": "rules", "values": {"full": {"all": 0.5}}}]},
        {"training": {"best_by": "token_f1"}},
        {"splits": YEARS | {"sample": {"train": 3, "test": 3}}},
        {
            "source": {"kind": "pdfs", "path": "a/{year}"},
            "splits": YEARS | {"sample": {"train": 3, "test": 3, "of": "category"}},
        },
        {"splits": YEARS | {"held_out": 0.2}},
        {
            "splits": YEARS | {"held_out": 0.2},
            "test_sets": {
                "rules": {},
                "posts": {"documents": "train", "most": 3},
                "local": {"book": "closed"},
            },
        },
        {
            "probes": {
                "given": {"prompt": "Why?", "reference": "So"},
                "about": {"prompt": "Why?", "context": "So it is", "from": "unseen"},
                "trained": {"from": "train", "pick": 2},
                "tested": {"from": "test", "pick": 1, "generator": "posts"},
            },
            "ratings": "ratings/*.json",
        },
        {"answering": {"engine": "server", "url": "http://a.example"}},
        {"answering": {"engine": "server", "serve": "a $port b", "adapters": "c"}},
        {"answering": {"serve": "a $port b"}},
        *({"filter": {"against": {**other, "where": {"a": "b"}}}} for other in UNRELATED),
        {"filter": {"against": {"kind": "experiment", "experiment": "a", "generator": "b"}}},
        {"source": scored} | top,
        {
            "source": {"kind": "human_eval"},
            "splits": {"test": 0.5},
            "metrics": ["similarity", "pass@1"],
            "answering": {"temperature": 0.8, "samples": 3},
            "test_sets": {"posts": {"samples": 2}},
            "programs": {},
        },
    ):
        yield Experiment.model_validate(whole | more), tuple(more)


def plan(study: Experiment) -> dict[tuple[str, ...], Any]:
    """Every job: its rule's param, and what of its input settings choose."""
    layout = Layout("mine", study)
    jobs: dict[tuple[str, ...], Any] = {}

    def job(rule: Any, *files: Any, **wildcards: Any) -> None:
        named = {name: str(value) for name, value in wildcards.items()}
        given = uses.used_by(rule, layout, {"experiment": "mine", **named})
        jobs[rule.__name__, *named.values()] = (given.identity(), files)

    for part in study.parts:
        job(uses.list_documents, year=part)
        job(uses.find_texts, year=part)
    for generator, split in layout.generated:
        files = (*layout.documents(split), layout.generator_model(generator))
        job(uses.synthesize, *files, generator=generator, split=split)
        job(uses.describe_dataset, generator=generator)
        job(uses.write_chat_records, generator=generator)
    job(uses.write_corpus)
    for base in {model.base for model in study.models.values()}:
        if study.bases[base].pretrain:
            job(
                uses.pretrain_base,
                *layout.corpus_documents(base),
                *layout.corpora_of(base),
                base=base,
            )
    for model, seed in layout.models():
        files = (*layout.training_data(model, "train"), layout.base(model), layout.judge(model))
        job(uses.train, *files, model=model, seed=seed)
        if layout.model(model, seed).replace("models", "exports") in layout.exports():
            job(uses.export_model, model=model, seed=seed)
    for name in layout.probes():
        job(uses.gather_probes, *layout.picked(name).values(), test_set=name)
    if layout.ratings():
        job(uses.rate_probes, study.ratings)
    for model, seed, test_set in [*layout.by_cell("answers"), *layout.of_probes("answers")]:
        cell = {"model": model, "seed": seed, "test_set": test_set}
        job(uses.answer, layout.base(model), layout.test_set(test_set), **cell)
        if test_set in study.sets and study.sets[test_set].most is not None:
            job(uses.choose_questions, test_set=test_set)
        job(uses.score, *layout.scorers().values(), **cell)
    if study.filter:
        job(uses.list_unrelated)
        job(uses.learn_filter, *layout.filter_pairs())
    for rule in (uses.compare, uses.count_stages, uses.report, uses.write_cost):
        job(rule)
    return jobs


def differing(before: dict[tuple[str, ...], Any], after: dict[tuple[str, ...], Any]) -> set[str]:
    """The rules of the jobs that are planned otherwise."""
    return {job[0] for job in {*before, *after} if before.get(job) != after.get(job)}


def schema(annotation: Any = Experiment) -> set[type[Settings]]:
    """Every class of settings in an annotation and in their fields, all branches of unions."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        inner = [field.annotation for field in annotation.model_fields.values()]
        return {annotation}.union(*map(schema, inner))
    return set().union(*map(schema, get_args(annotation)))


def choices(annotation: Any) -> list[Any]:
    """The values of the literals in an annotation."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [value for one in get_args(annotation) for value in choices(one)]


def is_free(annotation: Any) -> bool:
    """Whether it is no name of a union's branch."""
    return get_origin(annotation) is not Literal or len(get_args(annotation)) > 1


def leaves(item: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[type[Settings], str, Any]]:
    """Class, field and place of every setting of an experiment."""
    if isinstance(item, Settings):
        for name, field in type(item).model_fields.items():
            value, place = getattr(item, name), (*path, field.alias or name)
            inner = list(leaves(value, place))
            if is_free(field.annotation):
                yield from inner or [(type(item), name, place)]
    elif isinstance(item, dict | list | tuple):
        for key, value in item.items() if isinstance(item, dict) else enumerate(item):
            yield from leaves(value, (*path, key))


@pytest.fixture(scope="module")
def prompts(tmp_path_factory):
    """Templates of other texts, of answers and of generators."""
    folder = tmp_path_factory.mktemp("prompts")
    (folder / "answer.txt").write_text("Tell me: $question")
    (folder / "generator.txt").write_text("Ask about $text")
    return [str(path) for path in sorted(folder.iterdir())]


def others(study: Experiment, annotation: Any, value: Any, prompts: list[str]) -> Iterator[Any]:
    """Values that may be valid in a place, the likelier ones first."""
    named = (METRICS, study.models, study.generators, study.bases)
    known: list[Any] = [*choices(annotation), *chain(*named)]
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (value + 1, value * 2, value / 2, 0.7, 2006, 2009)
    elif isinstance(value, list | tuple):
        yield from ([*value, one] for one in [*known, "other", "conf/other", 7])
        yield [value[0] / 2, *value[1:]] if value and isinstance(value[0], float) else value[:-1]
        yield from ([one] for one in [*known, "transformer.wte"])
    elif isinstance(value, dict):
        yield from ({"epochs": 7.0}, {"training.epochs": [1, 2]}, {2005: [1, 2]}, {"year": "y"})
        yield from ({"full": {"all": 0.7}}, {"column": "value"})
    else:
        yield from [
            *choices(annotation),
            *prompts,
            *known,
            0.7,
            7,
            2000,
            "b" * 40,
            "2222-2222",
            "big5",
        ]
        yield {"train": 3}
        yield from (
            f"{value}x",
            "other",
            "owner/other",
            "S2",
            "cs.CL",
            "HF_TOKEN",
            {"first": 1},
            True,
        )


def changed(
    study: Experiment, place: tuple[Any, ...], field: FieldInfo, prompts: list[str]
) -> Iterator[dict[tuple[str, ...], Any]]:
    """What is planned with one setting changed, each time in another way."""
    values = study.model_dump(by_alias=True)
    *outer, last = place
    inside = values
    for key in outer:
        inside = inside[key]
    before = inside[last] if isinstance(inside, list) or last in inside else field.default
    for value in others(study, field.annotation, before, prompts):
        if value == before:
            continue
        inside[last] = value
        try:
            other = Experiment.model_validate(values)
            planned = plan(other)
        except (ValueError, SettingsError):
            continue
        if other != study:
            yield planned


def test_each_setting_plans_what_depends_on_it_and_nothing_before(prompts, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert set(FIRST) == set(Experiment.model_fields)
    effects: dict[Any, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for study, sections in experiments():
        before = plan(study)
        for kind, name, place in leaves(study):
            if place[0] not in sections or "." in str(place[1:2]):  # a baseline that made itself
                continue
            field = kind.model_fields[name]
            for after in islice(changed(study, place, field, prompts), TRIED):
                rules = differing(before, after)
                effects[kind, name][".".join(map(str, place))] |= rules
                if rules - set(REPORT) or place[0] in SHOWN:
                    break
    for (kind, name), places in effects.items():
        planned = set().union(*places.values())
        if (kind.model_fields[name].json_schema_extra or {}).get("cosmetic"):
            assert planned <= set(REPORT), (kind, name, places)
        else:
            shown = next(iter(places)).partition(".")[0] in SHOWN
            assert planned - set(() if shown else REPORT), (kind, name, places)
        for place, rules in places.items():
            first = ORDER.index(FIRST[place.partition(".")[0]])
            assert rules <= set(ORDER[first:]), place
    unseen = {
        f"{kind.__name__}.{name}"
        for kind in schema()
        for name, field in kind.model_fields.items()
        if not schema(field.annotation) and is_free(field.annotation)
        if (kind, name) not in effects
    }
    assert not unseen


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({}, {"gradient_checkpointing": True, "find_batch": False, "divergence": None}, True),
        ({}, {"best_sample": 8, "best_new_tokens": 9}, True),  # nothing is answered
        ({}, {"best_sample": 8, "best_by": "bleu"}, False),
        ({}, {"max_steps": 5, "epochs": 9}, False),
        ({"max_steps": 5}, {"max_steps": 5, "epochs": 9}, True),
        ({}, {"optimizer": "sgd"}, False),
    ],
)
def test_recipes_of_equal_effect_are_equal(one, other, same):
    first, second = (Recipe(method="full", training=given).identity() for given in (one, other))
    assert (first == second) is same
    assert ("optimizer" in first["training"]) is ("optimizer" in one)  # it was added


def test_a_prompt_counts_by_its_text(tmp_path):
    study, _ = next(experiments())
    (tmp_path / "copy.txt").write_text((ROOT / study.prompt).read_text())
    values = study.model_dump(by_alias=True) | {"prompt": str(tmp_path / "copy.txt")}
    assert differing(plan(study), plan(Experiment.model_validate(values))) <= set(REPORT)


def test_a_rule_and_its_script_go_through_the_same_door():
    """And scripts have no other access to an experiment, but for commands about several."""
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    several = ("prune", "refresh", "download_base", "write_reports", "preview")
    for path in (ROOT / "workflow/scripts").glob("*.py"):
        text = path.read_text()
        assert "experiment_file" not in text or path.stem in several
        taken = re.findall(r"job\(snakemake, uses\.(\w+)\)", text)
        [rule] = re.findall(rf"\nrule {path.stem}:\n.*?\n    script:", rules, re.S) or [""]
        assert re.findall(r"uses=used\(uses\.(\w+)\)", rule) == taken, path
