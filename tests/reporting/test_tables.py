import csv
import json
import re
from html import escape, unescape
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise

import pyarrow as pa
import pytest
from rich.console import Console
from support.starts import START

from maskpolicy.arrow_files import write_table
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.provenance import Makers
from maskpolicy.reporting import markdown, text
from maskpolicy.reporting.specs import ShownBlock
from maskpolicy.reporting.tables import BlockFiles, render_table
from maskpolicy.reporting.terminal import print_table
from maskpolicy.reporting.view import FORMATS, ResultTable, TableView
from maskpolicy.tasks.cuts import PartCuts, TaskCuts
from maskpolicy.tasks.facts import Drift

STUDY = {"none": (2, 3), "rand": (14, 20), "ssm": (19, 18)}

PAPER = {
    "none": {"qa": {"exact_match": (23.72, 0.25)}},
    "ssm": {"qa": {"exact_match": (24.8, 0.06)}},
}


def read(folder, suffix):
    return (folder / f"main.{suffix}").read_text(encoding="utf-8")


def test_all_formats_are_written_and_nothing_else(render):
    folder = render()
    assert {path.name for path in folder.iterdir()} == {f"main.{suffix}" for suffix in FORMATS}


def test_the_same_runs_give_the_same_bytes(render):
    folder = render(paper=PAPER)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    render(paper=PAPER)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_the_page_alone_says_who_made_it_and_neither_when_nor_where(render):
    folder = render()
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    nasty = START.model_copy(update={"versions": {"<b>": "1"}})
    render(makers=Makers((START, nasty), known=True))
    pages = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name for name in pages if pages[name] != first[name]} == {"main.html"}
    page = read(folder, "html")
    assert "Provenance" in page and "Provenance" not in first["main.html"].decode()
    assert "Code: commit aaaaaaaaaaaa<" in page
    assert "Configuration: sha256:0123456789abcdef<" in page
    assert "Versions: torch 2.0, Python 3.11; then &lt;b&gt; 1<" in page
    assert START.machine not in page and "2026" not in page
    later = START.model_copy(update={"time": START.time.replace(year=2027), "machine": "other"})
    render(makers=Makers((later, nasty, later), known=True))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == pages


def test_csv_has_a_row_an_arm(render):
    rows = list(csv.DictReader(read(render(paper=PAPER), "csv").splitlines()))
    arms = ["none", "orig_infill<30>", "rand", "ssm", "ssm@control", "(majority)"]
    assert [row["arm"] for row in rows] == arms
    ssm = rows[3]
    assert (ssm["qa EM"], ssm["qa EM ±"], ssm["qa EM shade"]) == ("48.33", "3.82", "dark")
    assert (ssm["qa EM paper"], ssm["qa EM paper ±"]) == ("24.80", "0.06")
    assert (ssm["masked %"], ssm["runs"], ssm["dropped rows %"]) == ("15.00", "3", "10.00")
    assert rows[2]["qa EM shade"] == "light"
    assert float(rows[2]["qa EM p"]) > 0.1
    assert (rows[0]["masked %"], rows[2]["qa EM paper"]) == ("", "")


def test_markdown_marks_the_best_and_its_equals(render):
    page = read(render(caption="QA with *care*"), "md")
    assert page.startswith("## QA with \\*care\\*\n")
    lines = page.splitlines()
    assert "| arm              |            qa EM | masked | runs |" in lines
    assert "| ssm              | **48.33 ± 3.82** | 15.0 % |    3 |" in lines
    assert "| rand             |   43.33 ± 7.64 † | 15.0 % |    3 |" in lines
    assert "| orig_infill\\<30> |     22.50 ± 2.50 | 15.0 % |    3 |" in lines
    assert "| none             |      5.83 ± 1.44 |      – |    3 |" in lines
    assert "Scored on 40 test examples of qa." in lines
    assert "fine-tuning seeds 0, 1, 2, pre-training seed 0" in page
    assert "`exact_match|norm:dpr|empty:squad2.0|answers:max|version:1`" in page
    assert page.endswith(".\n")


def test_markdown_compares_with_the_best_none_and_the_control(render):
    page = read(render(), "md")
    for group in ("against ssm, the best", "against none", "against its matched-budget control"):
        assert f"| {group} " in page


def test_where_none_is_best_it_is_compared_with_once(render):
    page = read(render({"none": (20, 21, 22), "rand": (10, 9, 12)}), "md")
    assert page.count("| against none") == 1


def test_latex_is_shaded_and_escaped(render):
    page = read(render(caption="10% & more"), "tex")
    assert r"\caption{10\% \& more}" in page
    assert r"orig\_infill\textless{}30\textgreater{} & 22.50 $\pm$ 2.50 & 15.0 \% & 3 \\" in page
    assert r"ssm & \cellcolor{maskpolicybest}\textcolor{white}{\textbf{48.33 $\pm$ 3.82}}" in page
    assert r"rand & \cellcolor{maskpolicyclose}43.33 $\pm$ 7.64" in page
    assert page.count(r"\cellcolor{") == 2
    assert page.isascii()
    assert page.count("{") - page.count(r"\{") == page.count("}") - page.count(r"\}")


class Cells(HTMLParser):
    """The text and classes of table cells, and everything a page loads from elsewhere."""

    void = frozenset({"meta", "path", "use", "br"})

    def __init__(self):
        super().__init__()
        self.cells, self.loads, self.open = [], [], []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.loads += [tag] if tag in ("script", "link", "img") else []
        if tag not in self.void:
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append((attributes.get("class") or "", ""))

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            kind, text = self.cells[-1]
            self.cells[-1] = kind, f"{text} {data}".strip()


@pytest.fixture
def parse():
    def parse(page):
        cells = Cells()
        cells.feed(page)
        assert not cells.open
        return cells

    return parse


def test_html_is_shaded_escaped_and_self_contained(render, parse):
    page = read(render(caption="<script>alert(1)</script>"), "html")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    parsed = parse(page)
    assert parsed.loads == []
    cells = dict(reversed([(text, kind) for kind, text in parsed.cells]))
    assert cells["48.33 ± 3.82 best"] == "score dark"
    assert [kind for text, kind in cells.items() if text.startswith("43.33")] == ["score light"]
    assert [kind for text, kind in cells.items() if text.startswith("22.50")] == ["score none"]
    assert "orig_infill<30>" in cells
    assert "<svg" in page
    assert "<?xml" not in page


def test_html_links_to_the_other_formats(render):
    page = read(render(), "html")
    assert set(re.findall(r'href="(main\.[\w.]+)"', page)) == {f"main.{s}" for s in FORMATS} - {
        "main.html"
    }


def contrast(one, other):
    """The contrast ratio of two colours (WCAG 2.1)."""

    def luminance(colour):
        parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_shades_can_be_read():
    from maskpolicy.drawing.palette import INK, SHADES

    assert contrast("#ffffff", SHADES["dark"]) > 7
    assert contrast(INK, SHADES["light"]) > 7


def test_json_holds_everything(render):
    folder = render(paper=PAPER, caption="Caption")
    table = json.loads(read(folder, "json"))
    assert set(table) == {
        *("name", "caption", "significance", "blocks", "majority", "finetuning"),
    }
    assert table["significance"]["threshold"] == 0.1
    assert table["significance"]["seeds"][2] == {"pretraining": 0, "finetuning": 2}
    (of_model,), (block,) = table["significance"]["blocks"], table["blocks"]
    assert of_model["model"] == "bart-tiny"
    column = of_model["columns"][0]
    assert (column["task"], column["metric"], column["examples"]) == ("qa", "exact_match", 40)
    ssm = column["arms"][3]
    assert (ssm["arm"], ssm["scores"], ssm["shade"]) == ("ssm", [0.475, 0.45, 0.525], "dark")
    p = {(c["arm"], c["other"]): c["p"] for c in column["comparisons"]}
    assert p["ssm", "none"] < 0.01
    assert p["ssm", "ssm@control"] < 0.01
    assert p["rand", "ssm"] > 0.1
    assert block["budgets"]["ssm"]["masked_tokens"] == 300
    assert block["shown"]["paper"]["ssm"]["qa"]["exact_match"] == [24.8, 0.06]
    assert ResultTable.read(folder / "main.json").caption == "Caption"


def test_paper_figures_stand_beside_their_column_only(render):
    page = read(render(tasks=("qa", "nq"), paper=PAPER), "md")
    head = next(line for line in page.splitlines() if line.startswith("| arm"))
    assert re.split(r"\s*\|\s*", head.strip("| ")) == [
        *("arm", "qa EM", "paper", "nq EM", "masked", "runs")
    ]
    assert "24.80 ± .06" in page
    assert "Paper: the published figure" in page


def test_one_run_is_reported_as_such(render):
    folder = render({"none": (2,), "ssm": (9,)})
    page = read(folder, "md")
    assert "| ssm        | **22.50** | 15.0 % |    1 |" in page
    assert "One run: no test." in page
    assert "±" not in page
    for suffix in ("md", "html"):
        page = read(folder, suffix).replace("comparisons.csv", "")
        assert "omparisons" not in page
        assert "randomisation" not in page
    assert "<small>best</small>" in page
    assert "omparisons" not in read(folder, "tex")
    assert read(folder, "comparisons.csv").count("\n") == 1  # the header


def test_a_constant_difference_is_explained(render):
    page = read(render({"none": (2, 3), "ssm": (9, 10)}), "md")
    assert (
        "none against ssm, ssm against none on qa EM: the difference is the same with every seed,"
        " so the t-test sees no spread.\n"
    ) in page


LABELS = {
    "metrics": ("accuracy", "macro_f1", "mcc"),
    "tasks": ("mr",),
    # right of 40 labels: with 20 of each, MCC is 2 accuracy - 1
    "study": {"none": (14, 18, 16), "rand": (22, 28, 24), "ssm": (26, 22, 30)},
}


def test_choices_are_told_apart_where_one_answer_is_generated(render):
    """By their likelihood they may well be; a constant says nothing of that."""
    only = dict.fromkeys(STUDY, "no")
    folder = render(STUDY, metrics=("exact_match", "choice_accuracy"), only=only)
    view = TableView(ResultTable.read(folder / "main.json"))
    generated, chosen = view.columns
    assert [head.columns[0].flat for head in (generated, chosen)] == ["constant", None]
    assert {arm.shade for arm in chosen.columns[0].arms} >= {"dark", "none"}
    (warning,) = view.warnings
    assert warning.startswith("No arm is marked on qa EM: every run predicts one class or answer")
    folder = render(STUDY, metrics=("exact_match", "choice_accuracy"), only={"rand": "no"})
    (warning,) = TableView(ResultTable.read(folder / "main.json")).warnings
    assert warning.startswith("Nothing learnt on qa: one class or answer")


def test_it_says_which_split_stands_in_for_a_hidden_one(render):
    folder = render(tasks=("qa", "rte"), dev_as_test=("rte",))
    told = "Scored on 40 test examples of qa, 40 test examples of rte (its published dev split)."
    assert told in (folder / "main.md").read_text()


def test_counts_other_than_expected_are_warned_of(render):
    drift = {"wow": {"train": Drift(examples=63734, expected=94577)}}
    folder = render(tasks=("qa", "wow"), drift=drift)
    warning = "Other counts than expected of wow: 63,734 train examples, not 94,577."
    assert warning in read(folder, "md").splitlines()
    assert warning in TableView(ResultTable.read(folder / "main.json")).warnings
    assert "than expected" not in read(render(), "md")


def test_test_examples_that_are_read_before_are_warned_of(render):
    warning = "54 test examples of qa are in train or dev, too: scores are the better for it."
    assert warning in read(render(shared=54), "md").splitlines()
    assert "in train or dev" not in read(render(), "md")


def test_metrics_of_labels_have_columns_of_their_own(render):
    folder = render(**LABELS, paper={"ssm": {"mr": {"mcc": (-1.5, None)}}})
    rows = list(csv.DictReader(read(folder, "csv").splitlines()))
    assert [row["mr Acc."] for row in rows] == ["40.00", "61.67", "65.00", "10.00"]
    assert [row["mr macro-F1"] for row in rows] == ["40.00", "61.67", "65.00", "10.00"]
    assert [row["mr MCC"] for row in rows] == ["-20.00", "23.33", "30.00", "10.00"]
    assert [row["mr MCC shade"] for row in rows] == ["none", "light", "dark", ""]
    assert rows[2]["mr MCC paper"] == "-1.50"
    lines = read(folder, "md").splitlines()
    (none,) = [line for line in lines if re.match(r"\| none .* ± .* ± ", line)]
    assert none.replace(" ", "").startswith("|none|40.00±5.00|40.00±5.00|−20.00±10.00|–|")
    assert any(" −1.50 |" in line for line in lines)
    assert "`mcc|norm:case+space|labels:of-task|version:1`" in lines[-1]
    assert r"40.00 $\pm$ 5.00 & 40.00 $\pm$ 5.00 & $-$20.00 $\pm$ 10.00 & " in read(folder, "tex")
    assert read(folder, "tex").isascii()


def test_scores_below_zero_on_a_page(render, parse):
    cells = parse(read(render(**LABELS), "html")).cells
    assert any("−20.00 ± 10.00 −50.00, p" in text for _, text in cells)


def test_the_majority_stands_below_the_arms_unmarked(render, parse):
    folder = render()
    lines = read(folder, "md").splitlines()
    assert "| (majority)       |            10.00 |      – |    – |" in lines
    note = "(majority): always the commonest answer of train, 'yes' on qa (25.0 % of train); for"
    assert f"{note} comparison, in no test." in lines
    assert r"(majority) & 10.00 & -- & -- \\" in read(folder, "tex")
    cells = parse(read(folder, "html")).cells
    assert ("score none", "10.00") in cells
    row = list(csv.DictReader(read(folder, "csv").splitlines()))[-1]
    shown = {column: value for column, value in row.items() if value}
    assert shown == {"arm": "(majority)", "qa EM": "10.00"}


def test_a_majority_that_is_not_there_is_named(render, tmp_path):
    folder = render()
    with pytest.raises(InputError, match="no file of a majority is of qa"):
        render_table(
            tmp_path / "significance.json",
            [BlockFiles(ShownBlock(heading="", rows=(), paper={}), {}, [])],
            majorities=[],
            finetuning={"qa": "default"},
            folder=folder,
            name="main",
        )


def test_a_choice_at_the_edge_of_the_grid_is_warned_of(render):
    page = read(render(rates={"rand": 3e-4, "ssm": 3e-4, "none": 1e-4}), "md")
    lines = page.splitlines()
    about = "Learning rate at the edge of the grid: on qa,"
    beyond = "of 0.0001, 0.0002, 0.0003. The best one may lie beyond: widen"
    for chose in ("none chose 0.0001, the smallest", "rand, ssm chose 0.0003, the largest"):
        assert f"{about} {chose} {beyond} finetuning.default.learning_rates." in lines
    assert page.count("at the edge of the grid") == 2
    page = read(render({"none": (2, 3), "ssm": (9, 8)}, rates={"none": 3e-4, "ssm": 3e-4}), "md")
    assert f"{about} all arms chose 0.0003, the largest {beyond}" in page


def test_batch_sizes_and_steps_have_edges_too(render):
    file = render(name="main") / "main.json"
    table = json.loads(file.read_text())
    columns = table["significance"]["blocks"][0]["columns"]
    arms = [arm["arm"] for arm in columns[0]["arms"]]
    chosen = {arm: [64] for arm in arms}
    sizes = {"axis": "batch_size", "grid": [32, 64, 128], "chosen": chosen | {"ssm": [32, 64]}}
    steps = {"axis": "steps", "grid": [10, 20], "chosen": {arm: [20] for arm in arms}}
    columns[0]["searched"] = [sizes, steps]
    file.write_text(json.dumps(table))
    of_sizes, of_steps = TableView(ResultTable.read(file)).warnings
    assert of_sizes.startswith("Batch size at the edge of the grid: on qa, ssm chose 32, the small")
    assert of_sizes.endswith("beyond: widen finetuning.default.batch_sizes.")
    assert of_steps.startswith("Steps at the edge of the grid: on qa, all arms chose 20, the large")


def test_of_a_choice_within_the_grid_nothing_is_said(render):
    assert "edge of the grid" not in read(render(), "md")


def test_a_choice_among_rates_that_did_as_well_is_not_warned_of(render):
    assert "edge of the grid" not in read(render(STUDY, tied=STUDY), "md")
    page = read(render(STUDY, tied=("none", "rand"), rates={"ssm": 1e-4}), "md")
    assert "on qa, ssm chose 0.0001, the smallest" in page


@pytest.mark.parametrize(
    ("study", "best", "close"),
    [
        ({"none": (2, 3), "ssm": (9, 8)}, True, True),
        ({"none": (2,), "ssm": (9,)}, True, False),
        ({"none": (5, 5), "ssm": (5, 5)}, False, False),
    ],
)
def test_only_marks_that_a_table_can_have_are_explained(render, study, best, close):
    folder = render(study)
    for suffix, marks in (("md", ("**Bold**:", "†:")), ("tex", ("Dark:", "Light:"))):
        page = read(folder, suffix)
        assert [mark in page for mark in marks] == [best, close]
    page = read(folder, "html")
    marks = ('class="swatch dark"', 'class="swatch light"')
    assert [mark in page for mark in marks] == [best, close]


def test_of_a_flat_column_it_is_said_once_that_all_is_the_same(render):
    page = read(render({"none": (5, 5), "ssm": (5, 5)}), "md")
    assert "No arm is marked on qa EM: all runs score the same." in page
    assert "the scores are identical" not in page
    page = read(render({"none": (5, 5), "rand": (5, 5), "ssm": (6, 9)}), "md")
    assert "rand against none on qa EM: the scores are identical." in page


def test_a_grid_of_one_rate_has_no_edge(render, tmp_path):
    folder = render()
    path = tmp_path / "main.json"
    table = ResultTable.read(folder / "main.json")
    (block,) = table.significance.blocks
    (column,) = block.columns
    of_one = block.model_copy(update={"columns": [column.model_copy(update={"grid": [2e-4]})]})
    alone = table.significance.model_copy(update={"blocks": [of_one]})
    table.model_copy(update={"significance": alone}).write(path)
    assert list(TableView(ResultTable.read(path)).warnings) == []


ONE_SEED = "Masks, and the networks that policies decide with, are of one seed in all runs:"


def test_of_several_pretraining_seeds_it_is_said_what_they_do_not_vary(render):
    page = read(render(pretraining=(0, 1)), "md")
    assert f"{ONE_SEED} spread and p-values do not cover them." in page.splitlines()
    assert "Runs that share a pre-trained checkpoint count as independent" in page
    assert ONE_SEED not in read(render(), "md")


@pytest.mark.parametrize(
    ("only", "said"),
    [
        ({"none": "", "rand": " ", "ssm": ""}, "all predictions are empty"),
        (
            {"none": "positive", "rand": "negative", "ssm": "positive"},
            "every run predicts one class or answer for all examples",
        ),
    ],
)
def test_where_nothing_is_learnt_no_arm_is_marked(render, only, said):
    folder = render(**LABELS, only=only)
    page = read(folder, "md")
    unmarked = f"No arm is marked on mr Acc., mr macro-F1, mr MCC: {said}."
    assert unmarked in page.splitlines()
    assert "**" not in page.split("\n\n")[1] and "†" not in page.split("\n\n")[1]
    rows = list(csv.DictReader(read(folder, "csv").splitlines()))[:-1]
    assert {row["mr MCC shade"] for row in rows} == {"none"}
    assert ">best<" not in read(folder, "html")
    assert "cellcolor{maskpolicy" not in read(folder, "tex")


def test_where_all_runs_score_the_same_no_arm_is_marked(render):
    page = read(render({"none": (0, 0), "ssm": (0, 0)}, only={"none": "no"}), "md")
    assert "No arm is marked on qa EM: every run predicts one class or answer" in page
    page = read(render({"none": (7, 7), "ssm": (7, 7)}), "md")
    assert "No arm is marked on qa EM: all runs score the same." in page


def test_an_arm_that_has_learnt_nothing_among_others_is_named(render):
    folder = render(**LABELS, only={"none": "positive", "rand": ""})
    lines = read(folder, "md").splitlines()
    about = "Nothing learnt on mr:"
    assert f"{about} all predictions are empty with rand (3 of 3 runs)." in lines
    one = "one class or answer is predicted for all examples with none (3 of 3 runs)."
    assert f"{about} {one}" in lines
    rows = list(csv.DictReader(read(folder, "csv").splitlines()))
    assert [row["mr Acc. shade"] for row in rows][2] == "dark"


def test_wide_tables_scroll_beside_the_names_of_their_arms(render):
    page = read(render(tasks="abcdef"), "html")
    style = page[: page.index("</style>")]
    assert ".scroll { overflow-x: auto" in style
    assert ".scroll th:first-child { position: sticky; left: 0;" in style
    parts = page.split("<table")
    scrolled = [re.search(r'<div class="scroll"([^>]*)>\s*$', part) for part in parts[:-1]]
    # Where one scrolls by keyboard, and what it is of, once each.
    assert all(found and 'tabindex="0"' in found[1] for found in scrolled)
    labels = [re.search(r'role="region" aria-label="([^"]+)"', found[1])[1] for found in scrolled]
    assert len(labels) == len(set(labels)) > 3


def test_damaged_inputs_are_named(tmp_path):
    (tmp_path / "s.json").write_text('{"model": "tiny"}')
    with pytest.raises(ArtefactError, match=r"s.json: threshold: Field required"):
        render_table(
            tmp_path / "s.json",
            [],
            majorities=[],
            finetuning={},
            folder=tmp_path,
            name="main",
        )


def test_examples_that_are_not_read_whole_are_noted(render):
    parts = (
        PartCuts(part="source", length=48, examples=2000, cut=5),
        PartCuts(part="target", length=24, examples=2000, cut=0),
    )
    folder = render(cuts=(TaskCuts(task="qa", parts=parts),))
    note = "qa: 0.25 % of the sources are longer than 48 tokens and cut there."
    assert note in (folder / "main.md").read_text()
    assert note in (folder / "main.html").read_text()
    assert note.replace("%", r"\%") in (folder / "main.tex").read_text()
    assert "targets are longer" not in (folder / "main.md").read_text()
    written = json.loads((folder / "main.json").read_text())
    assert written["blocks"][0]["cuts"][0]["parts"][1]["cut"] == 0
    assert "cut there" not in (render() / "main.md").read_text()


EM_F1 = ("exact_match", "token_f1")

SEVERAL = {
    "blocks": {
        "base": {"none": (2, 3, 2), "rand": (8, 9, 10), "ssm": (14, 20, 18), "first": (19, 18, 22)},
        "large": {"none": (12, 13, 12), "ssm": (21, 20, 22)},
    },
    "tasks": ("tqa", "nq"),
    "paper": {
        "ssm": {"tqa": {"exact_match": (23.62, 0.29)}},
        "dapt": {"tqa": {"exact_match": (24.71, None)}},
    },
    "labels": {"ssm": "+SSM", "first": "+MaskFirst", "dapt": "+DAPT"},
    "about": {"first": "after longer, not wiki"},
    "asked": {"baselines": ("rand", "ssm"), "starred": "rand", "average": True},
}
"""Two models, an arm of another stage, rows only in print, an average, baselines and stars."""


def row_of(page, name):
    """The cells of the first row of a Markdown table with that name."""
    lines = (re.split(r"\s*\|\s*", line.strip("| ")) for line in page.splitlines())
    return next(cells for cells in lines if cells[0] == name)


def test_markdown_of_several_blocks(render):
    page = read(render(**SEVERAL), "md")
    assert row_of(page, "arm") == [
        *("arm", "tqa EM", "paper", "nq EM", "average", "masked", "runs")
    ]
    assert row_of(page, "*base*")[1:] == row_of(page, "*large*")[1:]
    assert row_of(page, "+SSM")[1:4] == ["43.33 ± 7.64 † *", "23.62 ± .29", "43.33 ± 7.64 † *"]
    assert row_of(page, "+MaskFirst")[1:3] == ["**49.17 ± 5.20** *", "–"]
    assert row_of(page, "+DAPT (in print)")[1:] == ["–", "24.71", "–", "–", "–", "–"]
    large = page[page.index("*large*") :]
    assert row_of(large, "+SSM")[1] == "**52.50 ± 2.50**", (
        "no star without the row they are against"
    )
    assert (
        "\\*: p < .05, \\*\\*: p < .001, better than rand of the same model (one-way ANOVA" in page
    )
    assert "After longer, not wiki: +MaskFirst (base)." in page.splitlines()
    assert "Average: each run's mean of tqa EM, nq EM; in no test over examples." in page
    assert "Only in print, with no runs and in no test: +DAPT (base), +DAPT (large)." in page
    for title in (
        "base: against +MaskFirst, the best",
        "base: against rand",
        "large: against none",
    ):
        assert row_of(page, title)
    assert "large: against rand" not in page, "it is not there"
    assert page.count("| base: against +SSM ") == 3, "once a column"
    assert "### average: comparisons" in page


def test_html_of_several_blocks(render, parse):
    page = read(render(**SEVERAL), "html")
    cells = parse(page).cells
    texts = [text for _, text in cells]
    assert texts[:8] == ["arm", "tqa", "nq", "average", "masked", "runs", "EM", "paper"]
    assert '<th scope="colgroup" class="score task" colspan="2">tqa</th>' in page
    assert page.count('<tr class="block">') == 3, "two headings, and the majority"
    assert ("score paper", "23.62 ± .29") in cells
    assert (
        '<tr class="paper"><th scope="row"><span>+DAPT</span><small>only in print</small>' in page
    )
    assert "<sup>*</sup>" in page and "<small>after longer, not wiki</small>" in page
    assert "Models <b>base</b>, <b>large</b>, 6 arms" in page
    assert ".paper, tr.paper th { color: var(--quiet)" in page
    assert "base: Against rand" in texts


def test_latex_of_several_blocks(render):
    page = read(render(**SEVERAL), "tex")
    assert (
        r" & \multicolumn{2}{c}{tqa} & \multicolumn{1}{c}{nq} & \multicolumn{1}{c}{average} & & \\"
        in page
    )
    assert r"\cmidrule(lr){2-3}\cmidrule(lr){4-4}\cmidrule(lr){5-5}" in page
    assert "\\midrule\n\\multicolumn{7}{l}{\\textit{large}} \\\\\n" in page
    assert r"$^{*}$ & \textcolor{maskpolicypaper}{23.62 $\pm$ .29}" in page
    assert (
        r"\textcolor{maskpolicypaper}{+DAPT} & -- & \textcolor{maskpolicypaper}{24.71} & --" in page
    )
    body = page[page.index(r"\begin{tabular}") : page.index(r"\end{tabular}")]
    lines = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert {line.count("&") for line in lines if "multicolumn" not in line} == {6}
    assert "\\multicolumn{4}{l}{\\textit{against rand (base)}} \\\\\nnone & $-$16.67 (.010)" in page
    assert page.isascii()
    assert page.count("{") - page.count(r"\{") == page.count("}") - page.count(r"\}")


def test_csv_and_json_of_several_blocks(render):
    folder = render(**SEVERAL)
    rows = list(csv.DictReader(read(folder, "csv").splitlines()))
    of_rows = {(row["block"], row["arm"]): row for row in rows}
    assert list(of_rows) == [
        *(("base", arm) for arm in ("none", "rand", "ssm", "first", "dapt")),
        *(("large", arm) for arm in ("none", "ssm", "dapt")),
        ("", "(majority)"),
    ]
    ssm = of_rows["base", "ssm"]
    assert (ssm["average"], ssm["tqa EM against rand"], ssm["tqa EM stars"]) == (
        *("43.33", "20.83", "*"),
    )
    table = json.loads(read(folder, "json"))
    column = table["significance"]["blocks"][0]["columns"][0]
    p = {(c["arm"], c["other"]): c["p"] for c in column["comparisons"]}
    assert ssm["tqa EM against rand p"] == f"{p['ssm', 'rand']:.4f}"
    assert ssm["tqa EM ANOVA p"] == f"{column['arms'][2]['anova']['p']:.4f}"
    assert of_rows["base", "first"]["stage"] == "longer"
    printed = {column: value for column, value in of_rows["large", "dapt"].items() if value}
    assert printed == {"arm": "dapt", "block": "large", "model": "large", "tqa EM paper": "24.71"}
    assert of_rows["", "(majority)"]["average"] == "10.00"
    assert [block["shown"]["heading"] for block in table["blocks"]] == ["base", "large"]


LATEX = re.compile(r"\\\w+(\{maskpolicy\w+\}|\{white\})?|\$\^.*?\$|[{}]")
"""Commands that mark a score, stars and braces."""


def markdown_cells(page):
    rows = [line.split("|")[2:-3] for line in page.splitlines() if line.startswith("| ")]
    rows = [row for row in rows[1:] if row and set(row[0]) - set(" -:")]
    cells = [[cell.strip(" *†") for cell in row] for row in rows]
    return cells[: [row[0] for row in cells].index("10.00")]  # the majority is the last row


def latex_cells(page):
    rows = [line.split(" & ") for line in page.splitlines() if line.endswith(r"\\")]
    rows = [row[1:-2] for row in rows if len(row) == len(rows[1])][1:]
    signs = {"--": "–", r" $\pm$ ": " ± "}
    for sign, meant in signs.items():
        rows = [[cell.replace(sign, meant) for cell in row] for row in rows]
    cells = [[LATEX.sub("", cell) for cell in row] for row in rows]
    return cells[: [row[0] for row in cells].index("10.00")]


def html_cells(cells, width):
    scores = [text for kind, text in cells if kind.startswith("score ")]
    figures = [re.sub(r" (\*|best|[−+][\d.]+, p .*)", "", text) for text in scores]
    figures = [text for text in figures if re.match(r"\d|–", text)]
    return [figures[i : i + width] for i in range(0, figures.index("10.00"), width)]


def csv_cells(page):
    *rows, _ = csv.DictReader(page.splitlines())
    titles = [title for title in rows[0] if f"{title} ±" in rows[0]]
    return [
        [
            f"{row[title] or '–'} ± {row[f'{title} ±'].removeprefix('0')}".removesuffix(" ± ")
            for title in titles
        ]
        for row in rows
    ]


@pytest.mark.parametrize(
    "study", [SEVERAL, {"study": STUDY, "paper": PAPER, "tasks": ("qa", "nq"), "metrics": EM_F1}]
)
def test_all_formats_show_the_numbers_of_the_json(render, parse, study):
    folder = render(**study, fewer={"nq": 1})
    expected = list(shown_in_json(ResultTable.read(folder / "main.json")))
    assert len({cell for cells in expected for cell in cells}) > 8
    printed = Console(file=StringIO(), width=80, highlight=False)
    print_table(folder / "main.md", printed)
    for page in read(folder, "md"), printed.file.getvalue():
        assert [cells for cells in markdown_cells(page) if any(cells)] == expected
    assert latex_cells(read(folder, "tex")) == expected
    assert html_cells(parse(read(folder, "html")).cells, len(expected[0])) == expected
    assert csv_cells(read(folder, "csv")) == expected


def shown_in_json(table):
    """The scores and printed figures of each row, as they are to be seen."""
    pairs = list(zip(table.significance.blocks, table.blocks, strict=True))
    for compared, reported in pairs:
        for row in reported.shown.rows:
            cells = []
            for column in compared.columns:
                arms = {arm.arm: (100 * arm.mean, 100 * arm.std) for arm in column.arms}
                cells.append(as_printed(arms.get(row.name)))
                of = ("average",) if column.task == "(average)" else (column.task, column.metric)
                figures = [
                    [in_paper(block, each.name, *of) for each in block.shown.rows]
                    for _, block in pairs
                ]
                if any(map(any, figures)):
                    cells.append(as_printed(in_paper(reported, row.name, *of)))
            yield cells


def in_paper(block, row, task, metric=None):
    figures = block.shown.paper.get(row, {}).get(task)
    return figures if metric is None or figures is None else figures.get(metric)


def md_comparisons(page, width):
    rows = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("| ")]
    rows = [[cell.strip().replace("\\", "") for cell in row] for row in rows]
    return {tuple(row) for row in rows if len(row) == width}


def latex_comparisons(page, width):
    page = page[page.index("-comparisons-1}") :]
    rows = [line.removesuffix(r" \\").split(" & ") for line in page.splitlines()]
    return {tuple(row) for row in rows if len(row) == width}


def html_comparisons(page, width):
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', page)
    cells = [(name, *re.findall("<td>(.*?)</td>", rest)) for name, rest in rows]
    return {tuple(map(unescape, row)) for row in cells if len(row) == width}


def comparisons_in_json(table):
    """Each comparison as it is to be seen: the label of its arm and its figures."""

    def signed(value, decimals=2):
        return f"{value:+.{decimals}f}".replace("-", "−")

    def interval(low, high):
        return f"[{signed(100 * low)}, {signed(100 * high)}]"

    def p(value):
        if value is None:
            return "–"
        return "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")

    for compared, reported in zip(table.significance.blocks, table.blocks, strict=True):
        labels = {row.name: row.label for row in reported.shown.rows}
        for column in compared.columns:
            for each in column.comparisons:
                yield (
                    labels[each.arm],
                    signed(100 * each.difference),
                    interval(*each.interval),
                    interval(*each.bootstrap.interval),
                    *map(p, (each.p, each.p_holm, each.p_examples)),
                    *([p(each.p_clusters)] if column.clusters else []),
                    signed(each.effect.g, 1) if each.effect else "–",
                )


CSV_FIELDS = {
    "difference": ("difference",),
    "low": ("interval", 0),
    "high": ("interval", 1),
    "t": ("t",),
    "degrees": ("degrees",),
    "p": ("p",),
    "p Holm": ("p_holm",),
    "p Dunnett": ("p_dunnett",),
    "p sign flip": ("p_sign_flip",),
    "p seeds": ("p_seeds",),
    "p examples": ("p_examples",),
    "p clusters": ("p_clusters",),
    "bootstrap low": ("bootstrap", "interval", 0),
    "bootstrap high": ("bootstrap", "interval", 1),
    "bootstrap error": ("bootstrap", "error"),
    "bootstrap error of examples": ("bootstrap", "examples_error"),
    "bootstrap p": ("bootstrap", "p"),
    "bootstrap degrees": ("bootstrap", "degrees"),
    "bootstrap of": ("bootstrap", "seeds"),
    "bootstrap seeds": ("bootstrap", "number"),
    "bootstrap clusters": ("bootstrap", "clusters"),
    "effect d": ("effect", "d"),
    "effect g": ("effect", "g"),
    "effect low": ("effect", "interval", 0),
    "effect high": ("effect", "interval", 1),
    "margin": ("equivalence", "margin"),
    "p equivalence": ("equivalence", "p"),
    "smallest found": ("power", "smallest"),
    "runs needed": ("power", "needed"),
    "note": ("note",),
}
POINTS = {"difference", "low", "high", "margin", "smallest found"}
POINTS |= {f"bootstrap {what}" for what in ("low", "high", "error", "error of examples")}


def agrees(written, value, times):
    if value is None:
        return written == ""
    if isinstance(value, str):
        return written == value
    return float(written) == pytest.approx(times * value, rel=1e-5)


@pytest.mark.parametrize(
    "study",
    [
        SEVERAL,
        {"study": STUDY, "tasks": ("qa", "nq"), "metrics": EM_F1},
        {"clustered": True, "asked": {"margin": 0.18}},
        {"pretraining": (0, 1)},
    ],
)
def test_all_formats_show_the_comparisons_of_the_json(render, tmp_path, study):
    if study.pop("clustered", False):
        study["tests"] = {"qa": clustered_test(tmp_path)}
    folder = render(**study, fewer={"nq": 1})
    table = ResultTable.read(folder / "main.json")
    expected = set(comparisons_in_json(table))
    (width,) = {len(row) for row in expected}
    html = html_comparisons(read(folder, "html"), width)
    assert html == expected
    view = TableView(table)
    heads = {(head.title, *view.comparison_heads(head)) for head in view.columns}
    latex = {tuple(map(text.latex, row)) for row in expected | heads}
    assert latex_comparisons(read(folder, "tex"), width) == latex
    assert md_comparisons(read(folder, "md"), width) >= expected

    rows = list(csv.DictReader(read(folder, "comparisons.csv").splitlines()))
    pairs = [row for row in rows if row["column"] != "(over tasks)"]
    made = [
        (reported.shown.heading, column.title, each)
        for compared, reported in zip(table.significance.blocks, table.blocks, strict=True)
        for column in compared.columns
        for each in column.comparisons
    ]
    assert len(made) == len(pairs) > 3
    assert set(rows[0]) == {
        *("block", "column", "arm", "other", "outcome"),
        *CSV_FIELDS,
        *("improves", "improves low", "improves high"),
    }
    for row, (heading, column, each) in zip(pairs, made, strict=True):
        named = heading, column, each.arm, each.other, each.outcome
        assert tuple(row[name] for name in ("block", "column", "arm", "other", "outcome")) == named
        for name, path in CSV_FIELDS.items():
            value = each
            for step in path:
                if value is not None:
                    value = value[step] if isinstance(step, int) else getattr(value, step)
            assert agrees(row[name], value, 100 if name in POINTS else 1), name


def test_what_is_said_over_tasks_is_in_csv_and_latex(render):
    folder = render(tasks=("qa", "nq"), fewer={"nq": 1})
    arms = ResultTable.read(folder / "main.json").significance.blocks[0].over_tasks
    rows = {row["arm"]: row for row in csv.DictReader(read(folder, "csv").splitlines())}
    chances = {
        (row["arm"], row["other"]): row
        for row in csv.DictReader(read(folder, "comparisons.csv").splitlines())
        if row["column"] == "(over tasks)"
    }
    assert len(arms) == len(rows) - 1 and len(chances) > 4
    assert set(chances) == {(arm.arm, other) for arm in arms for other in arm.improves_on}
    for arm in arms:
        middle = arm.interquartile_mean
        figures = (middle.estimate, *middle.interval)
        names = ("interquartile mean", "interquartile low", "interquartile high")
        assert [rows[arm.arm][name] for name in names] == [f"{100 * f:.2f}" for f in figures]
        shown = text.latex(text.aggregate_text(middle, 100))
        assert f"{text.latex(arm.arm)} & {shown} & " in read(folder, "tex")
        for other, chance in arm.improves_on.items():
            row, (low, high) = chances[arm.arm, other], chance.interval or (None, None)
            assert agrees(row["improves"], chance.estimate, 1)
            assert agrees(row["improves low"], low, 1) and agrees(row["improves high"], high, 1)
            assert row["p"] == row["difference"] == ""
    assert "interquartile mean" not in read(render(), "csv")


def as_printed(figure):
    if figure is None:
        return "–"
    mean, std = figure
    return f"{mean:.2f}" if std is None else f"{mean:.2f} ± {f'{std:.2f}'.removeprefix('0')}"


AWKWARD = {
    **SEVERAL,
    "blocks": {
        "[BART] <b>": {"none": (2, 3, 2), "ssm": (14, 20, 18), "rand": (3, 3, 4)},
        "one": {"ssm": (9, 9, 10)},
    },
    "labels": {"none": "[2] none", "ssm": "*SSM* &amp; {x_1} #1 5 % \\a", "rand": "one | two ~^"},
    "metrics": EM_F1,
}


@pytest.mark.parametrize("study", [SEVERAL, AWKWARD, {"study": STUDY, "paper": PAPER}])
def test_latex_has_whole_rows_and_rules(render, study):
    page = read(render(**study), "tex")
    depth = 0
    for before, sign in zip(" " + page, page, strict=False):
        depth += (sign == "{") - (sign == "}") if before != "\\" else 0
        assert depth >= 0
    assert depth == 0
    assert re.findall(r"\\begin\{(\w+)", page).count("tabular") == page.count(r"\end{tabular}")
    for spec, body in re.findall(r"\\begin\{tabular\}\{(\w+)\}\n(.*?)\\end\{tab", page, re.DOTALL):
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        for row in rows:
            spans = list(map(int, re.findall(r"\\multicolumn\{(\d+)\}", row)))
            cells = row.replace(r"\&", "").count("&") + 1
            assert cells + sum(spans) - len(spans) == len(spec)
            assert not row.startswith(("[", "*")), "it would be an argument of what is before it"
        ranges = [tuple(map(int, ends)) for ends in re.findall(r"\{(\d+)-(\d+)\}", body)]
        if ranges:
            groups = list(map(int, re.findall(r"\\multicolumn\{(\d+)\}\{c\}", rows[0])))
            assert [last - first + 1 for first, last in ranges] == groups
            assert ranges[0][0] == 2 and ranges[-1][1] == len(spec) - 2
            assert all(a[1] + 1 == b[0] for a, b in pairwise(ranges))
    assert len(page.split(r"\cmidrule")) == 1 + page.count(r"}{c}{")


def test_latex_has_the_comparisons_of_a_column_in_a_float_of_their_own(render):
    folder = render(**SEVERAL)
    columns = len(ResultTable.read(folder / "main.json").significance.blocks[0].columns)
    _, _, *floats = read(folder, "tex").split(r"\begin{table")
    assert len(floats) == columns > 1
    for number, each in enumerate(floats, 1):
        assert each.startswith("*}") and each.count(r"\end{table*}") == 1
        assert f"comparisons-{number}}}" in each and each.count(r"\resizebox") == 1
        assert ("Differences (" in each) == (number == columns)


def test_a_star_is_seen_on_a_dark_cell(render):
    page = read(render(**SEVERAL), "tex")
    assert r"\textcolor{white}{\textbf{49.17 $\pm$ 5.20}$^{*}$}" in page


def test_labels_are_no_mark_up_in_any_format(render):
    folder = render(**AWKWARD)
    escaped = r"\*SSM\* \&amp; {x_1} #1 5 % \\a"
    assert row_of(read(folder, "md"), escaped)
    assert row_of(read(folder, "md"), r"*\[BART\] \<b>*")
    assert "<span>*SSM* &amp;amp; {x_1} #1 5 % \\a</span>" in read(folder, "html")
    assert "[BART] &lt;b&gt;" in read(folder, "html") and "<b>*" not in read(folder, "html")


def test_one_arm_alone_is_not_the_best(render):
    page = read(render(blocks={"base": STUDY, "large": {"ssm": (9, 11)}}), "md")
    assert row_of(page[page.index("*large*") :], "ssm")[1] == "25.00 ± 3.54"
    folder = render(study={"ssm": (9, 11)})
    for suffix in ("md", "html", "tex"):
        assert not re.search(r"\bbest\b(?! arm)", read(folder, suffix)), suffix
        page = read(folder, suffix).replace("comparisons.csv", "")
        assert "omparisons" not in page, suffix


def test_of_one_run_the_best_is_called_so_and_no_other(render, parse):
    page = read(render(study={"none": (2,), "rand": (9,), "ssm": (8,)}), "html")
    cells = [cell for cell in parse(page).cells if cell[1].endswith("best")]
    assert cells == [("score dark", "22.50 best")]


def test_a_published_average_stands_beside_the_average(render):
    paper = {"rand": {"average": (82.5, None), "tqa": {"exact_match": (80.0, 1.0)}}}
    folder = render(**SEVERAL | {"paper": paper})
    page = read(folder, "md")
    assert row_of(page, "arm")[-4:] == ["average", "paper", "masked", "runs"]
    assert row_of(page, "rand")[-4:] == ["22.50 ± 2.50", "82.50", "15.0 %", "3"]
    rows = list(csv.DictReader(read(folder, "csv").splitlines()))
    assert [row["average paper"] for row in rows] == ["", "82.50", *[""] * 4, "82.50", ""]
    assert r"\multicolumn{2}{c}{average}" in read(folder, "tex")
    # An average alone makes no column of a task.
    page = read(render(**SEVERAL | {"paper": {"rand": {"average": (82.5, 0.1)}}}), "md")
    assert row_of(page, "arm").count("paper") == 1
    assert row_of(page, "rand")[-3] == "82.50 ± .10"


def test_warnings_name_the_block_of_an_arm(render):
    page = read(render(**SEVERAL | {"rates": {"ssm": 3e-4}, "only": {"rand": "no"}}), "md")
    assert "on tqa, +SSM (base), +SSM (large) chose 0.0003, the largest of" in page
    one = "one class or answer is predicted for all examples with rand (base) (3 of 3 runs)."
    assert f"Nothing learnt on tqa: {one}" in page.splitlines()


def test_of_one_block_nothing_is_headed(render):
    folder = render(paper=PAPER)
    assert "block" not in next(csv.reader(read(folder, "csv").splitlines()))
    assert '<tr class="block">' not in read(folder, "html")
    assert "drawn beside tables of one model and stage" not in read(folder, "md")


def test_significance_of_other_blocks_is_refused(render, tmp_path):
    folder = render()
    with pytest.raises(InputError, match=r"significance.json is of 1 blocks, not 0"):
        render_table(
            tmp_path / "significance.json",
            [],
            majorities=[],
            finetuning={},
            folder=folder,
            name="main",
        )


def test_what_comparisons_decide_is_said_the_same_on_every_page(render, parse):
    folder = render(asked={"margin": 0.18})
    view = TableView(ResultTable.read(folder / "main.json"))
    (head,) = view.columns
    told = list(view.told(head))
    assert any(line.startswith("Decided (p < .05 over runs by Holm's") for line in told)
    assert "ssm against ssm@control +35.83" in told[0]
    assert any("Three runs cannot decide" in line and "rand against ssm" in line for line in told)
    assert any(line.startswith("Equivalent within ±18.00 points") for line in told)
    (beside,) = set(told) - set(view.verdicts(head))
    assert beside.startswith("All against none (Dunnett: unpaired, one spread for all arms; no")
    page, source = read(folder, "html"), read(folder, "md")
    for line in told:
        assert f"<p>{escape(line, quote=False).replace(chr(39), '&#39;')}</p>" in page
        assert markdown.escape(line) in source.splitlines()
        assert text.latex(line) in read(folder, "tex").splitlines()
    assert "two one-sided tests of ±18.00 points" in page
    heads = ["difference", "95 % interval", "multi-bootstrap", "p (runs)", "p (Holm)"]
    assert view.comparison_heads(head) == [*heads, "p (examples)", "effect g"]
    against = view.significance.blocks[0].columns[0].comparison("ssm", "none")
    shown = text.interval_text(against.bootstrap.interval)
    assert shown in {cell for _, cell in parse(page).cells}
    assert f"| {shown} |" in source
    assert "equivalence" not in read(render(), "md").lower()


def test_the_shading_is_named_as_the_papers_with_what_it_can_not_say(render):
    folder = render()
    for suffix in ("md", "html", "tex"):
        page = read(folder, suffix)
        assert "the shading of Ye et al. 2021" in page
        assert "sign-flip test can" in page
    assert "sign-flip" not in read(render({"none": (2,), "ssm": (9,)}), "md")


def clustered_test(tmp_path):
    """A test split of which four examples each are of one cluster."""
    tests = tmp_path / "test.arrow"
    ids = [f"q{i}" for i in range(40)]
    write_table(tests, pa.table({"id": ids, "cluster": [f"c{i // 4}" for i in range(40)]}))
    return str(tests)


def test_clusters_have_a_column_and_a_sentence(render, tmp_path):
    folder = render(tests={"qa": clustered_test(tmp_path)})
    page = read(folder, "md")
    assert "| p (examples) | p (clusters) |" in page
    assert "examples of one cluster exchanged together: 10 of qa." in page
    assert '<th scope="col">p (clusters)</th>' in read(folder, "html")
    assert "clusters" not in read(render(), "md")


AVERAGED = "their fine-tuning runs averaged,"


@pytest.mark.parametrize(
    ("pretraining", "floor", "said", "unsaid"),
    [
        (
            (0,),
            "Of 3 runs in pairs an exact sign-flip test can't go below p = .25",
            [
                "p (Holm): p (runs) among all comparisons",
                "interval over new fine-tuning seeds and new test examples, 2,000 samples",
                "It can't speak for pre-training, of which there is one seed.",
            ],
            [AVERAGED, "everything else averages them first"],
        ),
        (
            (0, 1),
            "Of 2 pre-training seeds in pairs an exact sign-flip test can't go below p = .5",
            [
                f"p (Holm): that t-test of pre-training seeds, {AVERAGED} among all comparisons",
                f"interval over new pre-training seeds, {AVERAGED} and new test examples",
                "in p (runs), which are too optimistic; everything else averages them first.",
            ],
            ["It can't speak for pre-training", "p (Holm): p (runs)"],
        ),
    ],
)
def test_notes_say_what_is_independent(render, pretraining, floor, said, unsaid):
    folder = render(pretraining=pretraining)
    for suffix in ("md", "html", "tex"):
        page = unescape(read(folder, suffix))
        assert floor in page
        assert [sentence for sentence in said if sentence not in page] == []
        assert [sentence for sentence in unsaid if sentence in page] == []


def test_of_one_run_for_each_pre_training_seed_p_of_runs_is_what_is_corrected(render):
    page = read(render({"none": (2,), "ssm": (9,)}, pretraining=(0, 1, 2)), "md")
    assert "p (Holm): p (runs) among all comparisons" in page
    assert "count as independent" not in page and "It can't speak for" not in page


def test_what_all_are_tested_against_is_told_for_each_block(render):
    folder = render(**SEVERAL)
    table = ResultTable.read(folder / "main.json")
    view = TableView(table)
    told = [line for line in view.told(view.columns[0]) if "All against" in line]
    for heading, block in zip(("base", "large"), table.significance.blocks, strict=True):
        for other in ("none", "rand"):
            ps = {
                each.arm: each.p_dunnett
                for each in block.columns[0].comparisons
                if each.other == other and each.p_dunnett is not None
            }
            (line,) = [
                each for each in told if each.startswith(f"{heading}: All against {other} ")
            ] or [""]
            assert bool(line) == bool(ps)
            assert line.count(" p ") == len(ps)
            assert all(f" p {text.p_relation(p)}" in line for p in ps.values())
    assert told


def test_of_a_column_where_nothing_is_learnt_no_verdict_is_told(render):
    folder = render(
        only=dict.fromkeys(("none", "orig_infill<30>", "rand", "ssm", "ssm@control"), "no")
    )
    view = TableView(ResultTable.read(folder / "main.json"))
    assert list(view.comparisons(view.columns[0])) != []
    assert list(view.verdicts(view.columns[0])) == []


def test_several_tasks_are_told_together(render, parse):
    folder = render(tasks=("qa", "nq"), fewer={"nq": 1})
    page = read(folder, "md")
    assert "### Over tasks" in page
    rows = [line.split("|") for line in page[page.index("### Over") :].splitlines()]
    ssm = next(row for row in rows if len(row) > 3 and row[1].strip() == "ssm")
    arms = ResultTable.read(folder / "main.json").significance.blocks[0].over_tasks
    mean = next(arm.interquartile_mean for arm in arms if arm.arm == "ssm")
    assert mean.estimate == pytest.approx(0.46875)
    shown = text.aggregate_text(mean, 100)
    assert ssm[2].strip() == markdown.escape(shown)
    assert "none 1.00" in ssm[3] and "ssm@control 1.00" in ssm[3]
    for suffix in ("md", "html", "tex"):
        assert "None of fewer than 3 runs, and where no sample of runs differs" in read(
            folder, suffix
        )
    assert shown in {cell for _, cell in parse(read(folder, "html")).cells}
    assert "Over tasks" not in read(render(), "md")
