"""What a user has to provide for an experiment, reported before anything starts."""

import pytest

from papertune.cluster import needs
from papertune.cluster.collecting import check_collecting
from papertune.cluster.findings import Finding
from papertune.cluster.machine import check_memory, check_processor
from papertune.cluster.model_servers import check_servers
from papertune.footprint.study import tasks_of
from papertune.study.experiment_file import load_experiment
from papertune.study.layout import Layout
from snakemake_run import ROOT

KEYS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "STACKEXCHANGE_KEY", "PAPERTUNE_CONTACT")


@pytest.fixture(autouse=True)
def nothing_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (*KEYS, "OPENAI_API_KEY", "OPENALEX_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))


def layout_of(name: str, **changes) -> Layout:
    study = load_experiment(ROOT / f"config/experiments/{name}.yaml")
    return Layout(name, study.model_copy(update=changes))


def about(findings, *words: str) -> Finding:
    """The only finding that has all these words."""
    (found,) = [one for one in findings if all(word in one.text for word in words)]
    return found


def test_gated_models_want_an_agreement_and_a_token_that_is_never_shown(monkeypatch):
    layout = layout_of("isca")
    gated = about(needs.check_agreements([layout]), "gemma-2-2b-it")
    assert gated.state == "wrong" and "gemma-2-2b-it" in gated.hint and "HF_TOKEN" in gated.text
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    found = list(needs.check_agreements([layout]))
    assert {one.state for one in found} == {"ok"} and "secret" not in str(found)
    assert "mit" in about(found, "gpt2").text


def test_what_is_here_needs_no_agreement(tmp_path):
    layout = layout_of("isca")
    (tmp_path / layout.generator_model("gemma")).mkdir(parents=True)
    assert all("gemma" not in one.text for one in needs.check_agreements([layout]))


def test_of_a_model_without_a_card_its_page_is_named():
    study = layout_of("isca").experiment
    base = study.bases["gpt2"].model_copy(update={"hub": "lab/unheard-of"})
    found = about(needs.check_agreements([layout_of("isca", bases={"gpt2": base})]), "unheard-of")
    assert found.state == "ok" and "licence" in found.text


def test_room_for_models_is_told_before_they_are_downloaded(monkeypatch):
    layout = layout_of("research-approach")
    few, many = (list(_room(monkeypatch, layout, free)) for free in (10**9, 10**12))
    assert [one.state for one in few] == ["doubt", "doubt"]
    assert [one.state for one in many] == ["ok", "ok"]
    assert "3.1 GB" in many[0].text
    # five models in fp32, and a checkpoint with two moments
    assert f"{(5 + 3) * 1.543714304 * 4:.1f} GB" in many[1].text


def _room(monkeypatch, layout: Layout, free: int):
    monkeypatch.setattr(needs, "room_on", lambda folder: free)
    return needs.check_room([layout], "resources")


def test_hours_are_told_from_and_to_with_what_is_assumed():
    (found,) = needs.tell_hours(layout_of("ho-chi-minh"))
    assert found.state == "ok" and "144 documents" in found.text
    for kind in ("training", "answering", "writing"):
        assert kind in found.text
    assert "qwq" in next(needs.tell_hours(layout_of("research-approach"))).text
    assert list(needs.tell_hours(layout_of("demo"))) == []  # asks for no GPU


def rows() -> dict[str, list[str]]:
    """The table of docs/reports.md: experiment → its other cells."""
    lines = (ROOT / "docs/reports.md").read_text("utf-8").splitlines()
    cells = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line[:3] == "| `"
    ]
    return {first.strip("`"): others for first, *others in cells}


@pytest.mark.parametrize("name", rows())
def test_the_table_of_what_studies_need_says_what_the_doctor_says(name):
    layout = layout_of(name)
    gpu = next(
        one.text for one in check_memory(tasks_of(layout), lambda task: None) if "a GPU" in one.text
    )
    told = [one.text for one in needs.check_room([layout], "resources")]
    (hours,) = needs.tell_hours(layout)
    agreed, brought, memory, download, trained, span = rows()[name]
    assert f"a GPU of {memory} " in gpu
    assert f"take about {download}," in told[0]
    assert [f"take about {trained}," in one for one in told[1:]] == [True] * bool(trained)
    assert f"{name}: {span} on one GPU" in hours.text
    gated = any(one.state == "wrong" for one in needs.check_agreements([layout]))
    assert gated == ("HF_TOKEN" in agreed)
    lacking = [*check_collecting(layout), *check_servers(layout)]
    for variable in ("PAPERTUNE_CONTACT", "STACKEXCHANGE_KEY"):
        assert (variable in str(lacking)) == (variable in agreed)
    assert any("source.path: " in one.text for one in lacking) == bool(brought)


def test_texts_that_a_base_reads_are_looked_for_unless_something_makes_them(tmp_path):
    layout = layout_of("demo")
    made = list(needs.check_corpora(layout, made=lambda path: True))
    (lacking,) = needs.check_corpora(layout, made=lambda path: False)
    assert made == [] and lacking.state == "wrong" and "corpus.files" in lacking.text
    (tmp_path / layout.base_named("small")).mkdir(parents=True)
    assert list(needs.check_corpora(layout, made=lambda path: False)) == []


def test_what_wants_a_gpu_is_told_what_a_machine_without_one_would_take():
    layout = layout_of("isca")
    found = list(check_processor([layout], 24e9))
    assert found[0].state == "doubt" and "compute.gpu" in found[0].text and " h," in found[0].text
    assert "profiles/slurm" in found[0].hint
    (large,) = [one for one in found if one.state == "wrong"]
    assert "mistral" in large.text and "24.0 GB" in large.text
    assert [one.state for one in check_processor([layout], 1e12)] == ["doubt"]
    assert list(check_processor([layout_of("demo")], 1e9)) == []  # asks for none
