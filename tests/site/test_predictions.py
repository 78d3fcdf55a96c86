"""What arms answer is joined to what they masked; its figures can be counted by hand."""

import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from support.site_parts import read_part
from support.site_study import (
    ARMS,
    CAPITALS,
    EPOCHS,
    PLACES,
    STAGE,
    TABLE,
    TASK,
    epochs_of,
    examples,
    masked,
    right,
)

from maskpolicy.arrow_files import write_table
from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.site import masks as room
from maskpolicy.site.answers import find_answers
from maskpolicy.site.build import build_site
from maskpolicy.site.masks import MasksRead, mask_files, masks_read, read_masks
from maskpolicy.site.overview import table_pages
from maskpolicy.site.predictions import (
    answer_places,
    error_buckets,
    masked_answers,
    read_predictions,
    right_answers,
    rule_of,
    without_masks,
)
from maskpolicy.site.results import StudyResults
from maskpolicy.tasks.seq2seq import EXAMPLE_SCHEMA


@pytest.fixture(scope="module")
def masks(results):
    (files,) = mask_files(StudyResults.read(results))
    return read_masks(files)


@pytest.fixture(scope="module")
def task(results):
    read = StudyResults.read(results)
    (table,) = table_pages(read)
    (task,) = read_predictions(read, table)
    return task


def join(task, masks):
    corpora = {("factbook", "bpe-4k"): masks}
    return masked_answers(task, corpora, answer_places(task, corpora))


@pytest.fixture(scope="module")
def joined(task, masks):
    return join(task, masks)


@pytest.fixture(scope="module")
def frequency(task, masks):
    return find_answers(masks, task.answers, task.contexts).frequency


def times_by_hand(masks, arm, word, epochs):
    """In how many epochs an arm masks all tokens of the only place of a word."""
    (row,) = (row for row, text in enumerate(masks.texts) if word in text)
    first, last = masks.offsets[row : row + 2]
    begin = masks.texts[row].index(word)
    within = [
        i
        for i in range(last - first)
        if masks.begin[first + i] < begin + len(word) and masks.end[first + i] > begin
    ]
    return sum(masked(arm, epoch, last - first)[within].all() for epoch in range(epochs))


def test_answers_are_those_of_the_runs(site, task):
    part = read_part(site, f"predictions/{TABLE}.{TASK}")
    assert part["ids"] == sorted(part["ids"]) and part["answers"][0] == ["Oranjestad"]
    assert [arm["label"] for arm in part["arms"]] == list(ARMS)
    order = [CAPITALS.index(answers[0]) for answers in part["answers"]]
    for arm in part["arms"]:
        for seed in range(3):
            known = right(arm["label"], seed)
            assert arm["right"][seed] == "".join("01"[i < known] for i in order)
            said = [part["strings"][number] for number in arm["said"][seed]]
            assert said == [CAPITALS[i] if i < known else "<i>Atlantis</i>" for i in order]


def test_answers_are_found_word_for_word_whatever_their_case(masks):
    found = find_answers(masks, [["lima"], ["Lim"], ["It is  OLD"], ["%"], ["pago pago"]], [""] * 5)
    assert found.frequency.tolist() == [1, 0, 8, 0, 1]
    assert not found.in_context.any()


def test_in_its_own_context_only_that_passage_counts(masks):
    contexts = ["Peru. The capital is Lima. It is old.", "somewhere else"]
    found = find_answers(masks, [["old"], ["old"]], contexts)
    assert found.frequency.tolist() == [8, 8]
    assert found.in_context.tolist() == [True, False]
    assert found.count.tolist() == [1, 8]


def test_answers_that_overlap_stand_in_one_place(masks):
    some = [
        ["Pago"],
        ["Pago", "pago pago"],
        ["is Pago Pago", "Pago Pago", "Pago"],
        ["Pago", "pago"],
    ]
    found = find_answers(masks, some, [""] * 4)
    assert found.frequency.tolist() == found.count.tolist() == [2, 1, 1, 2]
    (wanted,) = find_answers(masks, [["is Pago Pago"]], [""]).distinct
    assert found.distinct[found.which[2]].tolist() == wanted.tolist()


def test_masks_that_were_not_read_do_not_count(masks, task):
    """Of a pass that ends early all count."""
    one = [
        replace(task, arms=[replace(arm, read=arm.read and MasksRead(EPOCHS, passes, 1))])
        for passes in (0.5, 2.0)
        for arm in task.arms[2:3]
    ]
    for read, epochs in zip(one, (1, 2), strict=True):
        (arm,) = join(read, masks)
        wanted = [times_by_hand(masks, arm.label, answers[0], epochs) for answers in task.answers]
        assert arm.times.tolist() == wanted and set(arm.chances) == {epochs}


@pytest.mark.parametrize(
    ("made", "passes", "copies", "epochs", "says"),
    [
        (32, 23.7, 1, 24, "24 of 32 masks"),
        (32, 32.0, 1, 32, "32 of 32 masks"),
        (4, 10.0, 1, 4, "4 of 4 masks, 2.5 × each"),
        (8, 1.5, 2, 4, "4 of 8 masks"),
    ],
)
def test_masks_that_are_read(made, passes, copies, epochs, says):
    read = MasksRead(made, passes, copies)
    assert (read.epochs, str(read)) == (epochs, says)


def test_a_stage_reads_masks_by_its_steps_and_the_rows_that_have_some(results):
    """90 of 100 rows in each of two shards have decisions, in all three epochs together."""
    read = StudyResults.read(results)
    stage = read.study.intermediate[STAGE]
    batches = -(-(2 * 90 / EPOCHS) // stage.batch_size)
    found = masks_read(read, "bart-mini", STAGE, "ssm@control")
    assert (found.passes, found.made) == (stage.steps / batches, stage.mask_epochs)
    assert masks_read(read, "bart-mini", STAGE, "none") is None


def test_a_label_is_right_as_its_metric_compares_it():
    metric, answers = find_metric("macro_f1"), [["Entailment"], ["neutral"], ["neutral"]]
    said = [" entailment", "entailment", "neutral"]
    counts = metric.statistics(said, answers)
    assert right_answers(metric, counts, said, answers).tolist() == [True, False, True]
    assert "predicts its label" in rule_of(metric, False)


def test_an_answer_is_right_by_the_score_of_its_example():
    metric, answers = find_metric("token_f1"), [["the White House"], ["Lima"]]
    said = ["white house in Washington", "Mali"]
    scores = metric.statistics(said, answers)
    assert right_answers(metric, scores, said, answers).tolist() == [True, False]
    assert rule_of(metric, True) == "a run whose F1 on it is at least 0.5"


def test_a_score_that_is_0_or_1_is_said_to_be_1(task):
    assert task.rule == "a run whose EM on it is 1"


def test_how_often_an_answer_was_masked(task, masks, joined):
    assert [arm.label for arm in joined] == list(ARMS[1:])
    places = find_answers(masks, task.answers, task.contexts)
    assert places.frequency.tolist() == [1] * len(CAPITALS) and places.stated == len(CAPITALS)
    assert places.in_their_context == len(CAPITALS) - 1  # the first question has no context
    for arm in joined:
        epochs = epochs_of(arm.label)
        wanted = [times_by_hand(masks, arm.label, answers[0], epochs) for answers in task.answers]
        assert arm.times.tolist() == wanted and set(arm.chances) == {epochs}
        assert arm.masks.startswith(f"{epochs} of {epochs} masks")
    assert any(arm.times.any() for arm in joined)


def test_masks_that_are_not_there_do_not_count_and_are_said_not_to(results, task, tmp_path):
    """Nor do they change what is said of other arms."""
    folder = shutil.copytree(results, tmp_path / "study")
    for epoch in range(1, EPOCHS):
        shutil.rmtree(folder / "masks" / "factbook" / "bpe-4k" / "rand" / f"epoch-{epoch}")
    (files,) = mask_files(StudyResults.read(folder))
    arms = {arm.label: arm for arm in join(task, read_masks(files))}
    assert arms["rand"].masks.startswith(f"{EPOCHS} of {EPOCHS} masks")
    assert arms["rand"].masks.endswith("; only the first is counted, others are not here")
    assert {label: set(arm.chances) for label, arm in arms.items()} == {
        arm: {1 if arm == "rand" else epochs_of(arm)} for arm in ARMS[1:]
    }


@pytest.mark.parametrize("file", ["manifest.json", "shard-0.json"])
def test_an_arm_without_masks_is_named_and_is_in_no_table(results, tmp_path, file):
    folder = shutil.copytree(results, tmp_path / "study")
    (folder / "masks" / "factbook" / "bpe-4k" / "ssm" / file).unlink()
    read = StudyResults.read(folder)
    (table,) = table_pages(read)
    assert table.unmasked == ["ssm"]
    (files,) = mask_files(read)
    assert "ssm" not in files.arms
    (task,) = read_predictions(read, table)
    assert without_masks(task) == ["ssm"]
    assert [arm.label for arm in join(task, read_masks(files))] == [
        arm for arm in ARMS[1:] if arm != "ssm"
    ]
    build_site(folder, folder / "site")
    page = (folder / "site" / f"predictions-{TABLE}.{TASK}.html").read_text()
    assert "Not here: ssm, whose masks are not there, or not all of them." in page


def test_a_page_speaks_of_other_questions_only_where_there_are_some(results, site, tmp_path):
    file, others = f"predictions-{TABLE}.{TASK}.html", "and for the others every one"
    assert f"for the {len(CAPITALS) - 1} whose own context" in (site / file).read_text()
    assert others in (site / file).read_text()
    folder = shutil.copytree(results, tmp_path / "study")
    first, *rest = examples()
    first["context"] = f"{PLACES[0]}. The capital is {CAPITALS[0]}. It is old."
    table = pa.Table.from_pylist([first, *rest], schema=EXAMPLE_SCHEMA)
    write_table(folder / "tasks" / TASK / "test.arrow", table)
    build_site(folder, folder / "site")
    page = (folder / "site" / file).read_text()
    assert f"for the {len(CAPITALS)} whose own context" in page and others not in page


def test_one_question_is_no_questions(site):
    page = (site / f"predictions-{TABLE}.{TASK}.html").read_text()
    assert ">1 question<" in page and ">1 questions<" not in page


def test_of_arms_with_masks_nothing_is_said(site):
    assert "Not here" not in (site / f"predictions-{TABLE}.{TASK}.html").read_text()


# --- links to masks -------------------------------------------------------------------------------


def test_answers_are_written_as_a_shown_passage_has_them(masks):
    some = [["pago  PAGO"], ["n djamena"], ["Atlantis"], ["lima"]]
    found = find_answers(masks, some, [""] * 4)
    every = np.arange(len(masks.texts))
    assert found.written(masks, every) == ["Pago Pago", "N'Djamena", "", "Lima"]
    (row,) = (row for row, text in enumerate(masks.texts) if "Lima" in text)
    assert found.written(masks, every[every != row]) == ["Pago Pago", "N'Djamena", "", ""]
    assert row in found.rows(masks) and len(found.rows(masks)) == 3


@pytest.mark.parametrize(("most", "linked"), [(2000, 8), (8, 8), (3, 3)])
def test_masks_are_linked_of_answers_that_a_shown_passage_holds(
    results, tmp_path, monkeypatch, most, linked
):
    monkeypatch.setattr(room, "MOST_PASSAGES", most)
    build_site(results, tmp_path / "site")
    part = read_part(tmp_path / "site", f"predictions/{TABLE}.{TASK}")
    texts = read_part(tmp_path / "site", "masks/factbook.bpe-4k/passages")["texts"]
    assert len(texts) == min(most, 12) and len(part["in_masks"]) == len(CAPITALS)
    links = [link for link in part["in_masks"] if link]
    assert len(links) == linked
    assert all(any(link in text for text in texts) for link in links)
    page = (tmp_path / "site" / "masks-factbook.bpe-4k.html").read_text()
    assert ("those with answers of the study's tasks first" in page) == (most < 12)


def test_the_two_by_two_adds_up(task, joined):
    for arm in joined:
        cells = arm.cell(True) + arm.cell(False)
        assert sum(cells) == pytest.approx(len(task.ids))
        known = np.mean([right(arm.label, seed) for seed in range(3)])
        assert cells[0] + cells[2] == pytest.approx(known)
        assert sum(n for n, _ in arm.by_share()) == len(task.ids)


def test_buckets_hold_every_example_once(task, frequency):
    buckets = error_buckets(task, frequency)
    assert [kind.title for kind in buckets] == [
        "Relation",
        "Words of the answer",
        "Places of the answer in the corpus",
    ]
    for kind in buckets:
        assert sum(n for _, n, _ in kind.rows) == len(task.ids)
        ssm = sum(n * shares[2] for _, n, shares in kind.rows)
        assert ssm == pytest.approx(np.mean([right("ssm", seed) for seed in range(3)]))
