"""The site holds the figures of the tables, and nothing of what a text says can act in it."""

import json
import os
import re
import shutil
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from support.site_parts import read_part
from support.site_study import ARMS, TABLE, write_study
from support.starts import START, write_starts

from maskpolicy.artefacts import write_json
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.provenance import installed_code
from maskpolicy.reporting.text import difference_text, score_text
from maskpolicy.reporting.view import ResultTable, TableView
from maskpolicy.site.build import build_site
from maskpolicy.study.loading import CONFIGURATION


class Page(HTMLParser):
    """Its tags, links, data and text."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.links, self.script, self.data = [], [], None, {}
        self.text = ""
        self.facts, self.inside = {}, None  # of lists of terms and what they say
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append((tag, given))
        self.links += [given[key] for key in ("href", "src") if given.get(key)]
        self.script = given.get("id") if tag == "script" else None
        self.inside = tag

    def handle_data(self, data):
        if self.script:
            self.data[self.script] = json.loads(data)
            self.script = None
        else:
            self.text += data
        if self.inside == "dt":
            self.term = data
        elif self.inside == "dd":
            self.facts.setdefault(self.term, data)
        self.inside = None


def copied(results, home):
    """A copy of the study to change, as fast as it may be."""
    return shutil.copytree(results, home / "study", ignore=shutil.ignore_patterns("site"))


@pytest.fixture(scope="module")
def index(site):
    return Page(site / "index.html")


@pytest.fixture(scope="module")
def table(results):
    return ResultTable.read(results / "tables" / f"{TABLE}.json")


def test_every_link_leads_to_a_file_of_the_site(site):
    for page in site.glob("*.html"):
        for link in Page(page).links:
            file = link.partition("#")[0]
            if file and not file.startswith("data:"):
                assert "//" not in file, f"{page.name} needs a network: {link}"
                assert (site / file).is_file(), f"{page.name}: {link}"


def test_formats_that_results_have_not_are_not_linked(results, tmp_path):
    """Of results of an older commit, which wrote fewer."""
    folder = copied(results, tmp_path)
    for suffix in ("comparisons.csv", "svg"):
        (folder / "tables" / f"{TABLE}.{suffix}").unlink()
    build_site(folder, folder / "site")
    links = {link for link in Page(folder / "site" / "index.html").links if "tables/" in link}
    assert links == {f"tables/{TABLE}.{end}" for end in ("html", "md", "tex", "csv", "json", "png")}
    assert all((folder / "site" / link).is_file() for link in links)


def test_scores_are_those_of_the_table(index, table):
    for number, column in enumerate(table.significance.blocks[0].columns):
        for arm in column.arms:
            cell = index.data["cells"][f"{TABLE}/0/{number}/{arm.arm}"]
            assert cell["score"] == score_text(arm.mean, arm.std)
            assert [seed["score"] for seed in cell["seeds"]] == [
                score_text(score, None) for score in arm.scores
            ]
            assert cell["score"] in index.text
            assert cell["signature"] == column.signature
            made = [each for each in column.comparisons if each.arm == arm.arm]
            assert len(cell["tests"]) >= len({each.other for each in made})
            assert all(len(test["figures"]) == len(cell["heads"]) for test in cell["tests"])
            shown = {test["figures"][0] for test in cell["tests"]}
            assert shown == {difference_text(each.difference) for each in made}


def test_every_arm_says_what_it_masks_in_words(index):
    assert set(ARMS) <= set(re.findall(r"[\w@-]+", index.text))
    assert "named entities and dates" in index.text
    assert "As many tokens and spans of each row as ssm masks, at random places." in index.text


def test_findings_name_the_best_arm_and_what_is_decided(index, table):
    assert "ssm has the best mean factbook-qa EM: 50.00 ± 12.50" in index.text
    view = TableView(table)
    verdicts = list(view.verdicts(view.columns[0]))
    assert verdicts and all(verdict in index.text for verdict in verdicts)
    # What decides nothing stands on the page of the table, not beside what is found.
    assert "Dunnett" not in index.text and "Dunnett" in " ".join(view.told(view.columns[0]))


def test_every_table_says_who_made_it_on_what_and_when(results, tmp_path):
    folder = copied(results, tmp_path)
    later = {"time": datetime(2026, 1, 2, 5, 0, tzinfo=UTC), "cluster": True}
    write_starts(folder, START, START.model_copy(update=later))
    for metrics in folder.glob("runs/**/metrics.json"):
        os.utime(metrics, 2 * (datetime(2026, 1, 2, 5, 30, tzinfo=UTC).timestamp(),))
    of_others = [*folder.glob("runs/**/manifest.json"), *folder.glob("masks/**/*.json")]
    for file in of_others:
        os.utime(file, 2 * (datetime(2026, 1, 2, 4, 0, tzinfo=UTC).timestamp(),))
    build_site(folder, folder / "site")
    page = Page(folder / "site" / "index.html")
    assert page.facts["Code"] == "commit aaaaaaaaaaaa"
    assert page.facts["Versions"] == "torch 2.0, Python 3.11"
    machine = "A processor <b>, 2 cores"
    assert page.facts["Machine"] == f"{machine}; then {machine} (jobs on a cluster)"
    assert page.facts["Scored"] == "2026-01-02 05:30 UTC"
    assert "2026-01-02 03:04 to 2026-01-02 05:00 UTC" in page.facts["Started"]
    assert page.facts["Files"] == "study.yaml" and page.facts["Hash"].startswith("sha256:")
    assert str(installed_code()) in page.facts["These pages"]


def test_results_of_before_that_was_kept_say_so(index):
    assert index.facts["Code"] == "not known: made before that was kept, or no longer there"
    assert "Machine" not in index.facts and "UTC" in index.facts["Scored"]


def test_trainings_say_what_they_ran_on(results, tmp_path):
    folder = copied(results, tmp_path)
    for log in folder.glob("runs/**/training.jsonl"):
        log.write_text('{"step": 10, "loss": 1.0, "device": "NVIDIA <i>"}\n')
    trained = folder / "models" / "bart-mini" / "factbook" / "ssm" / "seed-0" / "manifest.json"
    write_json(trained, {"device": "cpu"})
    write_json(folder / "models" / "bart-mini" / "general" / "seed-0" / "manifest.json", [])
    build_site(folder, folder / "site")
    page = Page(folder / "site" / "index.html")
    assert page.facts["Trained on"] == f"NVIDIA <i> ({3 * len(ARMS)} trainings), cpu (1 training)"


def test_energy_is_estimated_from_the_time_of_an_arms_jobs(results, tmp_path):
    folder = copied(results, tmp_path)
    times = {
        "pretrain_intermediate/bart-mini/factbook/ssm/0": 3600,
        "finetune/bart-mini/factbook/ssm/factbook-qa/0": 1800,
        "pretrain_intermediate/bart-mini/factbook/gone/0": 3600,
    }
    for job, seconds in times.items():
        path = folder / "benchmarks" / f"{job}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\th:m:s\tcpu_time\n{seconds}\t-\tNA\n")
    build_site(folder, folder / "site")
    page = Page(folder / "site" / "index.html")
    assert "estimated energy" in page.text and "times 10 W a core" in page.text
    assert len(re.findall(r"\d Wh", page.text)) == 1 and "15.0 Wh" in page.text  # 1.5 h
    path.write_text("damaged")
    finetuned = folder / "benchmarks/finetune/bart-mini/factbook/ssm/factbook-qa/0.tsv"
    finetuned.write_text("damaged")
    with pytest.raises(ArtefactError, match=re.escape(str(finetuned))):
        build_site(folder, folder / "site")


def test_energy_is_the_same_wherever_the_page_is_built(results, tmp_path, monkeypatch):
    """It is of the cores that a job used, as Snakemake saw them, and not of those here."""
    folder = copied(results, tmp_path)
    masking = folder / "benchmarks" / "mask_corpus" / "factbook" / "bpe-4k" / "rand.tsv"
    masking.parent.mkdir(parents=True)
    masking.write_text("s\th:m:s\tcpu_time\n3600\t-\t5400\n")
    for cores in (1, 2, 64):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        monkeypatch.setattr("os.sched_getaffinity", lambda _, cores=cores: set(range(cores)))
        build_site(folder, folder / "site")
        page = Page(folder / "site" / "index.html")
        assert len(re.findall(r"\d Wh", page.text)) == 1 and "15.0 Wh" in page.text  # of 1.5 h
    assert "count for each of them, so that arms do not add up to the study" in page.text


def test_without_measurements_no_energy_is_said(index):
    assert "nergy" not in index.text


def test_an_arm_without_masks_is_named(results, tmp_path):
    folder = copied(results, tmp_path)
    (folder / "masks" / "factbook" / "bpe-4k" / "rand" / "manifest.json").unlink()
    build_site(folder, folder / "site")
    page = Page(folder / "site" / "index.html")
    assert "The masks of rand are not there, or not all of them" in page.text


def test_of_an_arm_with_masks_nothing_is_said(index):
    assert "are not there" not in index.text


def test_damaged_costs_are_named(results, tmp_path):
    folder = copied(results, tmp_path)
    costs = folder / "analysis" / TABLE / "costs.csv"
    costs.parent.mkdir(parents=True)
    costs.write_text("arm,stage\nssm,masking\n")
    with pytest.raises(ArtefactError, match=re.escape(str(costs))):
        build_site(folder, folder / "site")


def test_a_caption_is_text(index):
    assert "Capitals & <b>closed</b> books" in index.text
    assert not any(tag == "b" for tag, _ in index.tags)


def test_no_text_of_the_corpus_can_act(site):
    for page in site.glob("*.html"):
        read = Page(page)
        assert all(
            given.get("src", "").startswith("assets/") or given.get("type") == "application/json"
            for tag, given in read.tags
            if tag == "script"
        )
        assert not any(key.startswith("on") for _, given in read.tags for key in given)
    for part in (site / "data").rglob("*.js"):
        assert "<" not in part.read_text(encoding="utf-8")


def test_the_same_results_give_the_same_bytes(results, site):
    build_site(results, results / "again")
    files = sorted(path.relative_to(site) for path in site.rglob("*") if path.is_file())
    assert files == sorted(
        path.relative_to(results / "again")
        for path in (results / "again").rglob("*")
        if path.is_file()
    )
    for file in files:
        assert (site / file).read_bytes() == (results / "again" / file).read_bytes(), file
    shutil.rmtree(results / "again")


def test_what_is_not_there_yet_is_left_out(tmp_path):
    folder = write_study(tmp_path)
    shutil.rmtree(folder / "tables")
    shutil.rmtree(folder / "masks")
    build_site(folder, folder / "site")
    assert "Nothing of it is made yet." in Page(folder / "site" / "index.html").text


def test_what_is_drawn_of_no_table_is_there_too(tmp_path):
    folder = write_study(tmp_path)
    drawn = folder / "analysis" / "gradients" / "variance-by-masks.svg"
    drawn.parent.mkdir(parents=True)
    drawn.write_text("<svg/>")
    build_site(folder, folder / "site")
    page = Page(folder / "site" / "index.html")
    assert "figures/gradients/variance-by-masks.svg" in page.links
    assert "Variance by masks" in page.text
    assert (folder / "site" / "figures" / "gradients" / drawn.name).is_file()


def test_of_several_tables_each_has_its_pages(tmp_path):
    folder = write_study(tmp_path)
    config = json.loads((folder / CONFIGURATION).read_text())
    config["tables"]["again"] = config["tables"][TABLE]
    (folder / CONFIGURATION).write_text(json.dumps(config))
    table = ResultTable.read(folder / "tables" / f"{TABLE}.json")
    table.model_copy(update={"name": "again"}).write(folder / "tables" / "again.json")
    build_site(folder, folder / "site")
    page = Page(folder / "site" / "index.html")
    wanted = [f"predictions-{name}.factbook-qa.html" for name in (TABLE, "again")]
    assert [link for link in page.links if link.startswith("predictions-")] == wanted
    assert "again: factbook-qa" in page.text
    assert {key.partition("/")[0] for key in page.data["cells"]} == {TABLE, "again"}


def test_a_folder_without_results_is_named(tmp_path):
    with pytest.raises(InputError, match="is not a folder of results"):
        build_site(tmp_path, tmp_path / "site")


RUN = "runs/bart-mini/factbook/ssm/factbook-qa/pretraining-0/seed-1"


@pytest.mark.parametrize(
    ("file", "content", "named"),
    [
        (f"{RUN}/predictions.arrow", None, "cannot read .*predictions.arrow: No such file"),
        (f"{RUN}/metrics.json", None, "cannot read .*metrics.json: No such file"),
        (f"{RUN}/training.jsonl", '{"step": "x", "loss": 1}', "line 1: 'step' is not a number"),
        (f"{RUN}/training.jsonl", '{"step": 1, "loss": [1]}', "line 1: 'loss' is not a number"),
        (f"{RUN}/training.jsonl", '{"loss": 1.5}', "line 1: 'step' is not a number"),
        ("networks/supervised-qa/manifest.json", "[1]", "manifest.json is no manifest"),
        ("networks/supervised-qa/log.csv", "step,loss\n1,2\n2,x\n", "log.csv, line 3: 'loss'"),
        ("networks/supervised-qa/log.csv", "step,loss\n1,2\n2,\udcff\n", "log.csv is damaged"),
    ],
)
def test_what_is_damaged_or_lost_is_one_line(results, tmp_path, file, content, named):
    folder = copied(results, tmp_path)
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ArtefactError, match=named) as raised:
        build_site(folder, folder / "site")
    assert file.rpartition("/")[2] in str(raised.value) and "\n" not in str(raised.value)


def test_a_step_without_end_is_not_drawn(results, tmp_path):
    folder = copied(results, tmp_path)
    lines = '{"step": 1, "loss": 2}\n{"step": 1e999, "loss": 1}\n'
    (folder / RUN / "training.jsonl").write_text(lines)
    build_site(folder, folder / "site")
    runs = {each["id"]: each for each in read_part(folder / "site", "runs")}
    assert runs[RUN]["curves"]["loss"] == [[1, 2]]


def test_a_damaged_file_is_named(tmp_path):
    folder = write_study(tmp_path)
    shard = folder / "masks" / "factbook" / "bpe-4k" / "ssm" / "epoch-1" / "shard-0.arrow"
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(ArtefactError, match=re.escape(str(shard))):
        build_site(folder, folder / "site")
    assert not (folder / "site").exists()
