"""The site in a browser, as a reader has it: opened from disk, sorted, filtered, read out."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.site_study import (
    ARMS,
    EPOCHS,
    FEWER,
    FEWER_EPOCHS,
    LEARNED,
    NETWORK,
    TABLE,
    TASK,
    epochs_of,
    masked,
    right,
)

from maskpolicy.arrow_files import read_table
from maskpolicy.artefacts import write_json
from maskpolicy.decisions.files import read_decisions
from maskpolicy.site.build import build_site
from maskpolicy.study.loading import CONFIGURATION

MASKS = "masks-factbook.bpe-4k.html"
PREDICTIONS = f"predictions-{TABLE}.{TASK}.html"
NETWORK_PAGE = f"network-{NETWORK}.html"
TABLE_PAGE = f"tables/{TABLE}.html"
PAGES = ("index.html", TABLE_PAGE, MASKS, NETWORK_PAGE, PREDICTIONS, "runs.html")
PASSAGES = "site.parts.get('masks/factbook.bpe-4k/passages')"
SIZES = {"wide": (1280, 900), "narrow": (360, 740)}


@pytest.fixture(scope="module")
def axe():
    """Says what keeps a page from being read by everybody."""
    room = pytest.importorskip("axe_playwright_python.sync_playwright")

    def check(page):
        # Not `preload`: it would fetch the style sheet, which a page from disk can't.
        found = room.Axe().run(page, options={"preload": False})
        assert not found.violations_count, found.generate_report()

    return check


def settled(page):
    """Wait until what a script draws is there."""
    if page.locator("#count").count():
        page.locator(".passage").first.wait_for()
    elif page.locator("#run").count():
        page.locator("#run h2").wait_for()
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_reads_well(open_page, axe, screenshots, name, size, scheme):
    page = settled(open_page(name, SIZES[size], scheme))
    page.evaluate("document.querySelectorAll('main details').forEach((each) => (each.open = true))")
    axe(page)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= SIZES[size][0], f"{name} is wider than the screen"
    if screenshots:
        shot = f"{Path(name).stem}-{size}-{scheme}.png"
        page.screenshot(path=screenshots / shot)


def test_nothing_in_a_text_acts(open_page):
    for name in PAGES:
        page = settled(open_page(name))
        assert "owned" not in page.title()
        assert not page.locator("main img[src='x'], main i, main .passage script").count()
        if name == PREDICTIONS:
            assert page.get_by_text("<i>Atlantis</i>").first.is_visible()


# --- tables ---------------------------------------------------------------------------------------


def column(page, number):
    """The arms in their order, and a column's figures."""
    rows = page.locator("table.sortable").first.locator("tbody tr")
    arms = [text.split("\n")[0] for text in rows.locator("th").all_inner_texts()]
    return arms, [
        float(t.split(" ")[0]) for t in rows.locator(f"td:nth-child({number})").all_inner_texts()
    ]


def test_a_table_is_sorted_and_its_figures_stay(open_page):
    page = open_page("index.html")
    arms, before = column(page, 2)
    assert arms == list(ARMS)
    head = page.locator("thead button", has_text="factbook-qa EM").first
    head.click()
    assert column(page, 2)[1] == sorted(before, reverse=True)
    assert head.locator("xpath=..").get_attribute("aria-sort") == "descending"
    head.click()
    assert column(page, 2)[1] == sorted(before)
    assert dict(zip(*column(page, 2), strict=True)) == dict(zip(arms, before, strict=True))
    page.locator("thead button", has_text="masked").first.click()
    assert column(page, 2)[0][-1] == "none"  # of which nothing is known


def test_words_are_sorted_from_a_to_z_first(open_page):
    page = open_page("index.html")
    head = page.locator("table.sortable").first.locator("thead button").first
    for order, reverse in (("ascending", False), ("descending", True)):
        head.click()
        assert column(page, 2)[0] == sorted(ARMS, reverse=reverse)
        assert head.locator("xpath=..").get_attribute("aria-sort") == order


def test_heads_stand_over_their_figures(open_page):
    page = settled(open_page(PREDICTIONS))
    table = page.locator("table").first
    of_second_row = table.locator("thead tr").nth(1).locator("th")
    assert of_second_row.count() == 6
    for head in of_second_row.all():
        assert head.evaluate("head => getComputedStyle(head).textAlign") == "right"
    arm = table.locator("thead th").first
    assert arm.evaluate("head => getComputedStyle(head).textAlign") == "left"


def test_a_score_opens_by_keyboard_and_closes(open_page):
    page = open_page("index.html")
    score = page.locator(f"[data-cell='{TABLE}/0/0/ssm']")
    score.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    assert dialog.is_visible()
    assert "ssm: factbook-qa EM" in dialog.inner_text()
    runs = dialog.locator("table").first.locator("tbody tr")
    wanted = [f"{100 * right('ssm', seed) / 8:.2f}" for seed in range(3)]
    assert [text.strip() for text in runs.locator("td:nth-child(2)").all_inner_texts()] == wanted
    assert "exact_match|" in dialog.inner_text()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert score.evaluate("button => document.activeElement === button")


def test_the_scores_of_a_score_read_well(open_page, axe):
    page = open_page("index.html", scheme="dark")
    page.locator(f"[data-cell='{TABLE}/0/0/ssm']").click()
    axe(page)


def test_an_arm_is_hidden_from_the_picture_and_its_figures_stay(open_page):
    page = open_page("index.html")
    table, picture = page.locator("table").first.inner_text(), page.locator("figure.scores")
    assert picture.locator("svg").count() == 2
    drawn = picture.locator("svg").first.locator(".arm")
    titles = drawn.locator("title").all_text_contents()
    assert [title.partition(":")[0] for title in titles] == list(ARMS)
    picture.get_by_label("ssm", exact=True).uncheck()
    left = drawn.locator("title").all_text_contents()
    assert left == [title for title in titles if not title.startswith("ssm:")]
    assert page.locator("table").first.inner_text() == table


# --- masks ----------------------------------------------------------------------------------------


def spans_of(mask, extra):
    """The spans of a row as `Decisions` says: runs of masked tokens, parted by insertions within;
    any other insertion is a span of no token.
    """
    spans, first = [], None
    for i, (is_masked, is_extra) in enumerate(zip(mask, extra, strict=True)):
        inside = first is not None
        if inside and (not is_masked or is_extra):
            spans.append(f"{first}-{i}")
            first = None
        if is_extra and not (is_masked and inside):
            spans.append(f"{i}-{i}")
        if is_masked and first is None:
            first = i
    return spans + ([f"{first}-{len(mask)}"] if first is not None else [])


def decisions(results, arm, epoch):
    """The mask and the insertions of each row, from the Arrow files."""
    for i in range(2):
        shard = results / "corpora" / "factbook" / "bpe-4k" / f"shard-{i}.arrow"
        lengths = [len(ids) for ids in read_table(shard)["input_ids"].to_pylist()]
        folder = results / "masks" / "factbook" / "bpe-4k" / arm / f"epoch-{epoch}"
        made = list(read_decisions(folder / shard.name))
        mask = np.concatenate([each.mask for each in made])
        extra = np.concatenate(
            [
                np.zeros_like(each.mask) if each.insertions is None else each.insertions
                for each in made
            ]
        )
        cuts = np.cumsum(lengths)[:-1]
        yield from zip(np.split(mask, cuts), np.split(extra, cuts), strict=True)


@pytest.mark.parametrize("epoch", [0, EPOCHS - 1])
def test_the_viewer_shows_the_spans_of_the_decisions(open_page, results, epoch):
    page = settled(open_page(MASKS))
    page.select_option("[name=epoch]", str(epoch))
    assert FEWER_EPOCHS < EPOCHS and FEWER in ARMS
    for arm in ARMS[1:]:
        if epoch >= epochs_of(arm):
            said = page.locator(f"[data-none='{arm}']").all_text_contents()
            assert set(said) == {f"no mask of epoch {epoch}, only {epochs_of(arm)} of each row"}
            assert not page.locator(f"[data-arm='{arm}']").count()
            continue
        rows = list(decisions(results, arm, epoch))
        assert any(mask.any() for mask, _ in rows)
        assert (arm == "rand") == any(extra.any() for _, extra in rows)
        assert page.locator(".passage").count() == len(rows)
        for row, (mask, extra) in enumerate(rows):
            marks = page.locator(f".passage[data-row='{row}'] [data-arm='{arm}'] mark")
            shown = marks.evaluate_all("marks => marks.map((mark) => mark.dataset.tokens)")
            assert shown == spans_of(mask, extra), (arm, row)


def test_every_text_is_whole_under_its_marks(open_page):
    page = settled(open_page(MASKS))
    texts = page.evaluate(f"{PASSAGES}.texts")
    for row, text in enumerate(texts):
        for line in page.locator(f".passage[data-row='{row}'] .text").all():
            shown = line.text_content()
            assert shown.translate(dict.fromkeys(map(ord, "↵⇥␣"), " ")).replace(" ", "") == (
                text.replace("\n", "").replace("\t", "").replace(" ", "")
            )


def test_agreement_and_all_epochs(open_page):
    page = settled(open_page(MASKS))
    page.select_option("[name=view]", "agreement")
    length = len(page.evaluate(f"{PASSAGES}.begin[4]"))
    by = sum(masked(arm, 0, length).astype(int) for arm in ARMS[1:])
    tokens = page.locator(".passage[data-row='4'] .heat")
    shown = tokens.evaluate_all("all => all.map((each) => [+each.dataset.token, each.title])")
    assert [token for token, _ in shown] == np.flatnonzero(by).tolist()
    assert all(
        title.startswith(f"masked by {by[token]} of {len(ARMS) - 1}: ") for token, title in shown
    )
    page.select_option("[name=view]", "arms")
    page.select_option("[name=epoch]", "all")
    page.locator(".passage[data-row='4'] [data-arm=ssm] .heat").first.wait_for()
    titles = page.locator(".passage[data-row='4'] [data-arm=ssm] .heat").evaluate_all(
        "all => all.map((each) => each.title)"
    )
    assert set(titles) == {f"masked in 1 of {EPOCHS} epochs"}
    titles = page.locator(f".passage [data-arm='{FEWER}'] .heat").evaluate_all(
        "all => all.map((each) => each.title)"
    )
    assert set(titles) == {f"masked in 1 of {FEWER_EPOCHS} epochs"}


def test_arms_without_a_mask_of_the_epoch_neither_agree_nor_are_found(open_page):
    page = settled(open_page(MASKS))
    page.select_option("[name=epoch]", str(EPOCHS - 1))
    page.select_option("[name=view]", "agreement")
    page.locator(".passage .who", has_text=f"{len(ARMS) - 2} arms").first.wait_for()
    for name in ("by", "not"):
        page.select_option(f"[name={name}]", FEWER)
        page.get_by_text(f"{FEWER}: no mask of epoch {EPOCHS - 1}").wait_for()
        assert not page.locator(".passage").count()
        page.select_option(f"[name={name}]", "")
        page.locator(".passage").first.wait_for()


def test_a_word_is_whole_however_it_is_shaded_or_underlined(open_page):
    """Its tokens follow each other without a gap."""
    page = settled(open_page(f"{MASKS}#view=agreement"))
    margins = "all => all.map((each) => getComputedStyle(each).margin)"
    page.locator(".heat").first.wait_for()
    assert set(page.locator(".heat").evaluate_all(margins)) == {"0px"}
    page.select_option("[name=view]", "arms")
    page.select_option("[name=pos]", "NOUN")
    page.locator(".hit").first.wait_for()
    assert set(page.locator(".hit").evaluate_all(margins)) == {"0px"}


def test_masked_by_one_and_not_by_another(open_page):
    page = settled(open_page(MASKS))
    page.select_option("[name=by]", "ssm")
    page.select_option("[name=not]", "rand")
    lengths = [
        len(b) for b in page.evaluate("site.parts.get('masks/factbook.bpe-4k/passages').begin")
    ]
    hits = [masked("ssm", 0, n) & ~masked("rand", 0, n) for n in lengths]
    found = sum(hit.any() for hit in hits)
    assert page.locator("#count").inner_text() == (
        f"{found} passages, {sum(hit.sum() for hit in hits)} tokens underlined in them"
    )
    page.select_option("[name=entity]", "GPE")  # which is the first token of each
    wanted = sum(bool(hit[0]) for hit in hits)
    assert page.locator(".passage").count() == wanted


def test_passages_are_searched_and_arms_hidden(open_page):
    page = settled(open_page(f"{MASKS}#search=lima"))
    assert page.locator(".passage").count() == 1
    assert page.locator(".passage .row").count() == len(ARMS) - 1
    page.get_by_label("rand", exact=True).uncheck()
    assert page.locator(".passage .row").count() == len(ARMS) - 2


@pytest.fixture(scope="module")
def two_networks(results, tmp_path_factory):
    """The site of a study that has one more network, which no arm decides with."""
    home = tmp_path_factory.mktemp("two") / "study"
    folder = shutil.copytree(results, home, ignore=shutil.ignore_patterns("site"))
    config = json.loads((folder / CONFIGURATION).read_text())
    config["networks"]["idle"] = config["networks"][NETWORK]
    write_json(folder / CONFIGURATION, config)
    shutil.copytree(folder / "networks" / NETWORK, folder / "networks" / "idle")
    build_site(folder, folder / "site")
    return folder / "site"


def test_a_menu_shows_where_one_is_and_closes(open_page, two_networks, axe):
    page = open_page("index.html")
    page.wait_for_load_state("networkidle")  # or its pictures would be failed requests
    page.goto((two_networks / "network-idle.html").as_uri())
    menu, head = page.locator("details.menu"), page.locator("details.menu summary")
    lines = "all => all.map((each) => getComputedStyle(each).boxShadow)"
    (here,) = page.locator("details.menu summary").evaluate_all(lines)
    assert here != "none"  # underlined as any current page is
    assert set(page.locator("header nav > a").evaluate_all(lines)) == {"none"}
    for close in (
        lambda: page.keyboard.press("Escape"),
        lambda: page.locator("h1").click(),
    ):
        head.click()
        assert menu.get_attribute("open") is not None
        close()
        assert menu.get_attribute("open") is None
    head.click()
    page.get_by_role("link", name="idle", exact=True).focus()
    page.keyboard.press("Escape")
    assert head.evaluate("each => document.activeElement === each")
    axe(page)


def test_the_page_of_a_network_shows_what_it_and_its_controls_mask(open_page, results):
    page = settled(open_page(NETWORK_PAGE))
    for arm in (LEARNED, f"{LEARNED}@control"):
        assert (
            page.get_by_role("link", name=arm, exact=True).get_attribute("href").startswith(MASKS)
        )
        for row, (mask, extra) in enumerate(decisions(results, arm, 0)):
            marks = page.locator(f".passage[data-row='{row}'] [data-arm='{arm}'] mark")
            shown = marks.evaluate_all("marks => marks.map((mark) => mark.dataset.tokens)")
            assert shown == spans_of(mask, extra), (arm, row)
    assert page.locator(".passage").first.locator(".row").count() == 2
    page.get_by_role("link", name="among the trainings").click()
    page.locator("#run h2", has_text=NETWORK).wait_for()
    page.get_by_role("link", name="what it learned, from what").click()
    assert page.locator("h1").inner_text() == f"What a network learned: {NETWORK}"


# --- predictions ----------------------------------------------------------------------------------


def test_which_questions_one_arm_answers_and_another_not(open_page):
    page = settled(open_page(PREDICTIONS))
    assert page.locator("#count").inner_text() == "8 of 8 examples"
    page.select_option("[name=by]", "ssm")
    page.select_option("[name=not]", "ssm@control")
    names = page.locator(".passage h3").all_text_contents()  # more than half of runs: 4 and not 2
    assert [name.split()[5] for name in names] == ["Chad?", "Fiji?"]
    assert page.locator(".passage").first.locator("[data-arm=ssm] .right").count() == 1
    page.select_option("[name=relation]", "capital")
    assert page.locator("#count").inner_text() == "1 of 8 examples"


def test_masks_of_an_answer_are_a_link_away(open_page):
    page = settled(open_page(PREDICTIONS))
    for link in page.locator(".gold a").all():
        file, _, place = link.get_attribute("href").partition("#")
        assert settled(open_page(f"{file}#{place}")).locator(".passage").count() == 1
    assert page.locator(".gold a").count() == len(page.locator(".passage").all())
    page.locator(".text > .wrong").first.wait_for()
    gap = "one => parseFloat(getComputedStyle(one).marginRight)"
    assert page.locator(".text > .wrong").first.evaluate(gap) > 0


def test_means_do_not_depend_on_what_is_shown(open_page):
    page = settled(open_page(PREDICTIONS))
    before = page.locator("table").all_inner_texts()
    page.fill("[name=search]", "Lima")
    page.get_by_label("ssm", exact=True).uncheck()
    assert page.locator("#count").inner_text() == "1 of 8 examples"
    assert page.locator("table").all_inner_texts() == before


# --- runs -----------------------------------------------------------------------------------------


def test_a_run_is_one_link_away_from_its_score(open_page):
    page = open_page("index.html")
    page.locator(f"[data-cell='{TABLE}/0/0/ssm']").click()
    page.get_by_role("link", name="0 / 2").click()
    page.locator("#run h2", has_text="ssm, seeds 0 / 2").wait_for()
    said = page.locator("#run").inner_text()
    assert f"{100 * right('ssm', 2) / 8:.2f}" in said
    assert "snakemake --cores all results/study/runs/bart-mini/factbook/ssm/" in said
    page.locator("#run figure svg").hover()
    assert page.locator("#run figcaption").inner_text().startswith("step ")
    page.get_by_role("link", name="the checkpoint that it starts from").click()
    page.locator("#run h2", has_text="bart-mini: ssm").wait_for()
    page.fill("#seek", "rand, seeds")
    assert page.locator("#list a").count() == 3


def test_a_training_that_is_not_listed_is_said_not_to_be(open_page):
    page = open_page("runs.html#runs/nothing")
    page.locator("#run h2", has_text="Not listed").wait_for()
    assert "runs/nothing" in page.locator("#run").inner_text()
    page.locator("#list a").last.click()
    page.locator("#run h2", has_text=f"{ARMS[-1]}, seeds 0 / 2").wait_for()
    page.evaluate("location.hash = 'main'")  # as the link that skips to the content does
    page.wait_for_timeout(100)
    assert page.locator("#run h2").first.inner_text() == f"{ARMS[-1]}, seeds 0 / 2"
