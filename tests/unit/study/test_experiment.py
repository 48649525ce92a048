import json
import re
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from papertune.errors import SettingsError
from papertune.study import uses
from papertune.study.experiment_file import load_experiment, load_named, locate, schemas
from papertune.study.layout import Layout
from papertune.study.settings import Source
from papertune.study.settings.notation import SWEPT
from time_limit import at_most

ROOT = Path(__file__).parents[3]
EXPERIMENTS = ROOT / "config" / "experiments"


@pytest.fixture
def values():
    return yaml.safe_load((EXPERIMENTS / "isca.yaml").read_text())


def load(tmp_path, values):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(values))
    return load_experiment(path)


def complaint(tmp_path, values) -> str:
    with pytest.raises(SettingsError) as error:
        load(tmp_path, values)
    assert str(tmp_path / "mine.yaml") in str(error.value)
    assert "config/README.md" in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_experiment_that_comes_along_is_valid(path):
    study = load_experiment(path)
    assert study.models and not study.compute.shards_weights("qlora")  # 4 bit is never cut up


@pytest.mark.parametrize(
    ("place", "change", "message"),
    [
        ("models.lora", {"trainning": {}}, "models.lora.trainning: unknown key (did you mean 'tra"),
        (
            "models.lora.training",
            {"learning_rat": 1},
            "models.lora.training.learning_rat: unknown key (did you mean 'learning_rate'?)",
        ),
        ("", {"split": {}}, "split: unknown key (did you mean 'splits'?)"),  # a key elsewhere
        # branches of a union are no keys
        ("source", {"urll": "x"}, "source.urll: unknown key (did you mean 'url'?)"),
        ("generators.gemma", {"promt": 1}, "generators.gemma.promt: unknown key (did you mean"),
        (
            "",
            {"filter": {"against": {"kind": "table", "path": "a.csv", "colum": "q"}}},
            "filter.against.colum: unknown key (did you mean 'column'?)",
        ),
        ("", {"filter": {"against": {"kind": "table"}}}, "filter.against.path: missing"),
        (
            "",
            {"filter": {"questions": "gema", "against": {"kind": "table", "path": "a.csv"}}},
            "filter.questions: 'gema' is none of",
        ),
        ("", {"seeds": ["one"]}, "seeds.0: a whole number is wanted, "),
        ("splits", {"test": {"from": 2024, "to": 2022}}, "no years from 2024 to 2022"),
        ("splits", {"test": 0.5}, "train: give years to both train and test"),
        ("splits", {"test": {"from": 2020, "to": 2024}}, "train and test overlap in 2020–2021"),
        (
            "splits",
            {"sample": {"train": 1, "of": "category"}},
            "sample.of: documents of this source",
        ),
        ("models.full", {"base": "gpt3"}, "models.full.base: 'gpt3'"),
        ("", {"test_sets": ["gema"]}, "did you mean 'gemma'?"),
        ("", {"metrics": ["similarty"]}, "did you mean 'similarity'?"),
        ("comparison", {"metric": "exact_match"}, "comparison.metric"),
        ("", {"export": ["baseline"]}, "export: 'baseline' is none of full, lora"),
        ("models.full", {"examples": {"length": 350}}, "packing to whole or blocks"),
        ("bases.gpt2", {"revision": ""}, "needs revision"),
        (
            "",
            {"compute": {"parallel": "fsdp"}, "training": {"optimizer": "adamw_8bit"}},
            "models.full: the state of the optimiser adamw_8bit cannot be sharded",
        ),
        ("bases.gpt2", {"path": "x"}, "exactly one of hub, path, gguf, package, pretrain"),
    ],
)
def test_an_error_names_the_key_as_it_is_written_and_the_nearest(
    tmp_path, values, place, change, message
):
    part = values
    for key in filter(None, place.split(".")):
        part = part[key]
    part |= change
    assert message in complaint(tmp_path, values)


NO_VENUES = """
arxiv: [{}, {category: cs AR}, {query: x, typo: 1}]
crossref: [{}, {issn: 1234-5678, event: x}, {issn: x}, {event: x, types: []}]
openalex: [{}, {issn: 1234-5678, venue: x}, {issn: "12345678"}, {source: W12}]
semantic_scholar: [{}, {venue: ""}, {venue: x, api_key: k}]
"""


@pytest.mark.parametrize(("kind", "tried"), yaml.safe_load(NO_VENUES).items())
def test_a_venue_is_named_in_one_way_and_a_key_is_no_setting(kind, tried):
    for how in tried:
        with pytest.raises(ValidationError):
            TypeAdapter(Source).validate_python({"kind": kind, **how})


def test_a_file_that_is_no_yaml_says_where(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("a: [1\nb: 2")
    with pytest.raises(SettingsError, match=re.escape(f"{path}:1:4: ")):
        load_experiment(path)


ALIASES = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
MERGED = "\n".join(f"b{n}: &b{n}\n  <<: [{', '.join([f'*b{n - 1}'] * 9)}]" for n in range(1, 12))

SWEEP = ", ".join(f"{key}: {[*range(1, 99)]}" for key in SWEPT[:8])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"a0: &a0 x\n{ALIASES}", "expand to more than 100,000"),
        (f"b0: &b0 {{x: 1}}\n{MERGED}", "expand to more than 100,000"),
        ("a: &a [*a]", "expand to more than 100,000"),
        ("[" * 50_000, "nested too deeply"),
        ("a: " + "[" * 300 + "]" * 300, "a: unknown key"),
        ("a: " + "1" * 5_000, "not YAML: Exceeds the limit"),
        ("a: 2020-99-99", "not YAML: month must be in 1..12"),
        ("a: " + "x" * 200_000, "more than 200,000 bytes"),
        ("".join(f"k{n}: 1\n" for n in range(18_000)), "and 17,955 more"),
        ("question: [" + "x, " * 50_000 + "]", "question: a text is wanted, and this is ['x'"),
        (f"models: {{m: {{sweep: {{{SWEEP}}}}}}}", "models, more than 200"),
    ],
    ids=["aliases", "merges", "circle", "deep", "not so deep", "digits", "date", "long", "keys",
         "values", "sweep"],
)  # fmt: skip
def test_a_file_that_would_fill_the_memory_is_refused_in_time(tmp_path, text, said):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with at_most(10), pytest.raises(SettingsError, match=re.escape(said)) as error:
        load_experiment(path)
    assert len(str(error.value)) < 10_000


def test_aliases_are_read_as_ever(tmp_path, values):
    values["models"]["again"] = values["models"]["lora"]
    study = load(tmp_path, values)
    assert "*id001" in (tmp_path / "mine.yaml").read_text()
    assert study.models["again"] == study.models["lora"]


def test_experiments_are_found_by_name_and_have_each_their_own(tmp_path, values):
    with pytest.raises(SettingsError, match="did you mean 'isca'"):
        locate("icsa", [EXPERIMENTS])
    (tmp_path / "isca.yaml").write_text(yaml.safe_dump(values))
    folder = tmp_path / "config/experiments"
    (folder / "tiny/texts").mkdir(parents=True)
    for name in ("tiny/isca", "tiny/texts/none", "other"):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(values))
    studies, files = load_named(["isca", "tiny/isca"], [EXPERIMENTS, folder])
    assert [*studies] == ["isca", "tiny-isca"]
    assert files["tiny-isca"] == str(folder / "tiny/isca.yaml")
    with pytest.raises(SettingsError, match="no experiment 'tiny/texts/none'"):
        locate("tiny/texts/none", [folder])
    with pytest.raises(SettingsError, match="two experiments are called 'isca'"):
        load_named(["isca", str(tmp_path / "isca.yaml")], [EXPERIMENTS])


def test_the_schema_for_editors_says_what_the_program_checks():
    """It refuses unknown keys everywhere, and config/README.md explains every key."""
    folder = ROOT / "workflow/schemas"
    written = {path.name: json.loads(path.read_text()) for path in folder.iterdir()}
    assert written == schemas(), "run `make schema`"
    nodes: list = [written]
    for node in nodes:  # which grows
        inner = node.values() if isinstance(node, dict) else node
        nodes += [item for item in inner if isinstance(item, dict | list)]
    dicts = [node for node in nodes if isinstance(node, dict)]
    objects = [node for node in dicts if "properties" in node and node.get("type") == "object"]
    assert len(objects) > 20
    assert all(node["additionalProperties"] is False for node in objects)
    text = (ROOT / "config/README.md").read_text()
    assert not {key for node in objects for key in node["properties"] if f"`{key}`" not in text}


# ---- files of somebody else ----------------------------------------------------------------------

SERVER = {"backend": "openai", "model": "m", "prompt": "workflow/prompts/short.txt"}
SERVER |= {"url": "https://api.example.org/v1"}
PASSWORD = "s3cret-of-mine"


@pytest.mark.parametrize(
    "name", ["AWS_SECRET_ACCESS_KEY", "PATH", "OPENAI_API_KEY2", "papertune_x"]
)
def test_no_variable_but_a_key_of_a_service_is_sent(tmp_path, values, name):
    values["generators"]["server"] = {**SERVER, "key_variable": name}
    told = complaint(tmp_path, values)
    line = (tmp_path / "mine.yaml").read_text().splitlines().index(f"    key_variable: {name}") + 1
    assert f"generators.server.key_variable: ${name} is not sent" in told
    assert f"mine.yaml:{line}:5: " in told and "begins with PAPERTUNE_" in told
    for good in ("HF_TOKEN", "MISTRAL_API_KEY", "PAPERTUNE_LAB_KEY"):
        values["generators"]["server"]["key_variable"] = good
        assert load(tmp_path, values)


ADDRESSES = {
    "source": {"kind": "dblp", "url": f"https://me:{PASSWORD}@dblp.org/{{year}}.html"},
    "fetching.lookups": {"openalex": f"https://api.openalex.org?api_key={PASSWORD}"},
    "fetching": {"allow_hosts": ["localhost", f"me:{PASSWORD}@wiki"]},
    "generators": {"server": {**SERVER, "url": f"https://me:{PASSWORD}@api.example.org/v1"}},
    "": {"published": [{"test_set": "gemma", "values": {}, "source": f"http://a/?sig={PASSWORD}"}]},
}


@pytest.mark.parametrize(
    "url",
    [f"http://me:{PASSWORD}@host/v 1", f"http://me: {PASSWORD}@host/v1", f"http://\"me':{PASSWORD}@h/",
     f"http://host/v 1?api_key={PASSWORD}", f"http://host/?a=b c&wskey={PASSWORD}"],
)  # fmt: skip
def test_a_blank_or_a_quote_hides_neither(tmp_path, values, url):
    values["generators"]["server"] = {**SERVER, "url": url}
    told = complaint(tmp_path, values)
    assert "user, password or key" in told and PASSWORD not in told


@pytest.mark.parametrize("place", ADDRESSES)
def test_an_address_in_the_settings_has_neither_user_nor_key(tmp_path, values, place):
    part = values
    for key in filter(None, place.split(".")):
        part = part.setdefault(key, {})
    part |= ADDRESSES[place]
    told = complaint(tmp_path, values)
    assert "user" in told and PASSWORD not in told


KEY_FILE = ".ssh/id_rsa"
ELSEWHERE = {
    "prompt": {"prompt": KEY_FILE},
    "generators.server.prompt": {"generators": {"server": {**SERVER, "prompt": KEY_FILE}}},
    "source.path": {"source": {"kind": "files", "path": KEY_FILE}},
    "filter.against.path": {"filter": {"against": {"kind": "table", "path": KEY_FILE}}},
    "source.paths": {"source": {"kind": "bibtex", "paths": [KEY_FILE]}},
    "bases.own.pretrain.corpus.files": {
        "bases": {"own": {"pretrain": {"corpus": {"documents": "none", "files": [KEY_FILE]}}}}
    },
}  # fmt: skip


@pytest.mark.parametrize("by", ["path", "link", "dots"])
@pytest.mark.parametrize("key", ELSEWHERE)
def test_no_private_file_is_read_for_an_experiment_of_somebody_else(
    tmp_path, values, monkeypatch, key, by
):
    home, folder = tmp_path / "home", tmp_path / "home/study"
    (home / ".ssh").mkdir(parents=True)
    folder.mkdir()
    (home / KEY_FILE).write_text("-----BEGIN OPENSSH PRIVATE KEY-----")
    (folder / "mine.txt").symlink_to(home / KEY_FILE)
    monkeypatch.chdir(folder)
    path = {"path": str(home / KEY_FILE), "link": "mine.txt", "dots": f"../{KEY_FILE}"}[by]
    for part, change in json.loads(json.dumps(ELSEWHERE[key]).replace(KEY_FILE, path)).items():
        merged = isinstance(change, dict) and part != "source"
        values[part] = {**values.get(part, {}), **change} if merged else change
    told = complaint(folder, values)
    assert f"{key}: {home / KEY_FILE} is" in told and re.search(r"mine\.yaml:\d+:\d+: ", told)
    assert "PRIVATE KEY" not in told


def test_data_may_lie_elsewhere_and_prompts_beside_the_experiment(tmp_path, values, monkeypatch):
    (tmp_path / "study").mkdir()
    (tmp_path / "ask.txt").write_text("$question")
    values["source"] = {"kind": "files", "path": str(tmp_path / "data/{year}.jsonl")}
    values["prompt"] = str(tmp_path / "ask.txt")
    assert load(tmp_path, values)
    assert "prompt: " in complaint(tmp_path / "study", values)
    monkeypatch.chdir(tmp_path)
    assert load(tmp_path / "study", values)
    monkeypatch.setenv(
        "HOME", str(tmp_path)
    )  # snakemake runs in it: that makes no prompt of it all
    assert "prompt: " in complaint(tmp_path / "study", values)


@pytest.mark.parametrize(
    "base", [{"hub": "a/b", "revision": "c" * 40}, {"path": "models/own"}, {"pretrain": {}}]
)
def test_a_generator_may_name_a_base_which_is_then_its_model(tmp_path, values, base):
    writer = {"backend": "transformers", "prompt": "workflow/prompts/short.txt"}

    def planned(name, **own):
        bases = values["bases"] | {name: base}
        wanted = {**values, "bases": bases, "generators": {"w": {**writer, **own}}}
        for away in ("dataset", "test_sets", "published"):
            wanted.pop(away, None)
        layout = Layout("mine", load(tmp_path, wanted))
        jobs = [uses.synthesize(layout, "w", "test"), uses.describe_dataset(layout, "w")]
        return layout.generator_model("w"), [job.identity() for job in jobs]

    direct = (
        {"model": base["hub"], "revision": base["revision"]}
        if "hub" in base
        else {"model": base.get("path", "")}
    )
    folder, made = planned("small", model="small")
    assert planned("little", model="little")[1] == made  # its name is but a label
    if "pretrain" in base:
        assert folder == "results/mine/bases/small"
    else:
        assert planned("other", **direct) == (folder, made)
    assert planned("other", model="small") != (folder, made)  # then it is a folder
    values["bases"]["small"] = base
    values["generators"]["gemma"] = {**writer, "model": "small", "revision": "d" * 40}
    assert "generators.gemma.revision: 'small' is a base of this" in complaint(tmp_path, values)
