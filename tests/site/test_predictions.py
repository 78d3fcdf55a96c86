"""What arms answer is joined to what they masked; its figures can be counted by hand."""

import numpy as np
import pytest
from support.site_parts import read_part
from support.site_study import ARMS, CAPITALS, EPOCHS, TABLE, TASK, masked, right

from maskpolicy.site.answers import find_answers
from maskpolicy.site.masks import mask_files, read_masks
from maskpolicy.site.overview import table_pages
from maskpolicy.site.predictions import error_buckets, masked_answers, read_predictions
from maskpolicy.site.results import StudyResults


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


@pytest.fixture(scope="module")
def joined(task, masks):
    return masked_answers(task, {("factbook", "bpe-4k"): masks})


def times_by_hand(masks, arm, word):
    """In how many epochs an arm masks all tokens of the only place of a word."""
    (row,) = (row for row, text in enumerate(masks.texts) if word in text)
    first, last = masks.offsets[row : row + 2]
    begin = masks.texts[row].index(word)
    within = [
        i
        for i in range(last - first)
        if masks.begin[first + i] < begin + len(word) and masks.end[first + i] > begin
    ]
    return sum(masked(arm, epoch, last - first)[within].all() for epoch in range(EPOCHS))


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
    assert [len(places) for places in found.places] == [1, 8]


def test_how_often_an_answer_was_masked(task, masks, joined):
    arms, frequency, in_context = joined
    assert [arm.label for arm in arms] == list(ARMS[1:])
    assert frequency.tolist() == [1] * len(CAPITALS)
    assert in_context == len(CAPITALS) - 1  # the first question has no context
    for arm in arms:
        wanted = [times_by_hand(masks, arm.label, answers[0]) for answers in task.answers]
        assert arm.times.tolist() == wanted
    assert any(arm.times.any() for arm in arms)


def test_the_two_by_two_adds_up(task, joined):
    arms, _, _ = joined
    for arm in arms:
        cells = arm.cell(True) + arm.cell(False)
        assert sum(cells) == pytest.approx(len(task.ids))
        known = np.mean([right(arm.label, seed) for seed in range(3)])
        assert cells[0] + cells[2] == pytest.approx(known)
        assert sum(n for n, _ in arm.by_share()) == len(task.ids)


def test_buckets_hold_every_example_once(task, joined):
    buckets = error_buckets(task, joined[1])
    assert [kind.title for kind in buckets] == [
        "Relation",
        "Words of the answer",
        "Places of the answer in the corpus",
    ]
    for kind in buckets:
        assert sum(n for _, n, _ in kind.rows) == len(task.ids)
        ssm = sum(n * shares[2] for _, n, shares in kind.rows)
        assert ssm == pytest.approx(np.mean([right("ssm", seed) for seed in range(3)]))
