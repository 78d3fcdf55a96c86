import re
from collections import Counter

import pytest

from maskpolicy.sources.base import Example, titled
from maskpolicy.sources.factbook import Documents, Seq2SeqExamples
from maskpolicy.sources.factbook.passages import facts, read_countries
from maskpolicy.sources.factbook.questions import (
    LONGEST_ANSWER,
    RELATIONS,
    answer_finder,
    with_article,
)


@pytest.fixture(scope="module")
def questions() -> dict[str, Example]:
    splits = Seq2SeqExamples(source="factbook").splits()
    assert list(splits) == ["train"]  # to be dealt
    return {example.id: example for example in splits["train"]}


def test_there_are_many_questions_of_many_relations(questions):
    counts = Counter(name.split("/")[1] for name in questions)
    assert len(counts) == len(RELATIONS) >= 12
    assert min(counts.values()) >= 100
    assert len(questions) >= 2700


def test_the_questions_of_a_country_are_a_cluster(questions):
    clusters = {}
    for name, question in questions.items():
        clusters.setdefault(name.split("/")[0], set()).add(question.cluster)
    assert {len(names) for names in clusters.values()} == {1}
    assert len(set.union(*clusters.values())) == len(clusters) > 200


def test_some_answers_are_names_or_dates_and_some_are_not(questions):
    named = {relation.name for relation in RELATIONS if relation.named}
    share = sum(name.split("/")[1] in named for name in questions) / len(questions)
    assert 0.4 < share < 0.6


def words(text: str) -> str:
    """A text between spaces, in lower case and without marks, so that words can be found in it."""
    return " ".join(["", *re.findall(r"[^\W_]+", text.lower()), ""])


def test_no_other_passage_states_an_answer_about_its_country(questions, capsys):
    """Where the question itself names the answer (Luxembourg), its country's passages do, too."""
    texts: dict[str, list[str]] = {}
    documents = list(Documents(source="factbook", passages="other").documents())
    for document in documents:
        texts.setdefault(document.title, []).append(words(document.text))
    codes = {country.code: country.name for country in read_countries()}
    stated = {
        example.id
        for example in questions.values()
        for answer in example.answers
        if not answer.startswith(".")  # `.in` is the internet code of India, "in" a word
        and words(answer) not in words(example.source)
        and any(words(answer) in text for text in texts.get(codes[example.id.split("/")[0]], []))
    }
    assert stated == set()
    assert len(documents) == 3784
    assert "830 fields and paragraphs that state the answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("Most people live in SAO PAULO.", True),
        ("Most people live in São Paulo.", True),
        ("The Paulo river", False),
        ("The saopaulo", False),
        ("A coin of 5 reais", True),
        ("surrealism", False),
        ("Brazil is large", False),  # the question says so itself
    ],
)
def test_answers_are_found_as_whole_words(text, stated):
    examples = [
        Example("br/capital", "", "what is the capital of Brazil?", "São Paulo", ("São Paulo",)),
        Example("br/x", "", "what is the currency of Brazil?", "reais", ("reais", "Brazil")),
    ]
    assert answer_finder(examples)(text) == stated


def test_without_questions_no_text_states_an_answer():
    assert not answer_finder([])("Any text.")


def test_the_target_is_in_the_context_and_the_context_in_the_corpus(questions):
    corpus = {titled(p.title, p.text) for c in read_countries() for p in facts(c)}
    for example in questions.values():
        assert example.target.lower() in example.context.lower()
        assert example.context in corpus


def test_answers_begin_with_the_target_and_are_short(questions):
    for example in questions.values():
        assert example.answers[0] == example.target
        assert len(set(example.answers)) == len(example.answers)
        for answer in example.answers:
            assert answer == answer.strip()
            assert 0 < len(answer.split()) <= LONGEST_ANSWER


def test_no_answer_is_given_by_another_question_about_the_country(questions):
    seen: dict[tuple[str, str], str] = {}
    for example in questions.values():
        for answer in {answer.lower() for answer in example.answers}:
            address = (example.id.split("/")[0], answer)
            assert seen.setdefault(address, example.id) == example.id


@pytest.mark.parametrize(
    ("name", "source", "answers"),
    [
        ("ke/capital", "what is the capital of Kenya?", ["Nairobi"]),
        (
            "ke/chief-of-state",
            "who is the chief of state of Kenya?",
            ["William Ruto", "President William Ruto"],
        ),
        (
            "us/chief-of-state",
            "who is the chief of state of the United States?",
            ["Donald J. Trump", "President Donald J. Trump", "Donald Trump"],
        ),
        (
            "nz/chief-of-state",
            "who is the chief of state of New Zealand?",
            ["Charles III", "King Charles III"],
        ),
        (
            "ke/independence",
            "when did Kenya become independent?",
            ["12 December 1963", "December 12, 1963", "December 12 1963"],
        ),
        (
            "ke/currency",
            "what is the currency of Kenya?",
            ["Kenyan shillings", "Kenyan shilling", "KES"],
        ),
        (
            "wz/national-symbol",
            "what is a national symbol of Eswatini?",
            ["lion", "elephant", "lion, elephant"],
        ),
        (
            "ke/national-colors",
            "what are the national colors of Kenya?",
            ["black, red, green, white", "black, red, green and white"],
        ),
        ("ke/highest-point", "what is the highest point of Kenya?", ["Mount Kenya"]),
        ("ke/internet-code", "what is the internet country code of Kenya?", [".ke"]),
        (
            "ga/national-anthem",
            "what is the title of the national anthem of the Gambia?",
            ["For The Gambia, Our Homeland"],
        ),
    ],
)
def test_questions_read_as_people_ask_them(questions, name, source, answers):
    assert questions[name].source == source
    assert list(questions[name].answers) == answers


@pytest.mark.parametrize(
    "name",
    [
        "aq/independence",  # "none (territory of the US)"
        "ga/highest-point",  # "unnamed elevation"
        "xx/capital",  # the world has none
    ],
)
def test_what_can_not_be_asked_is_not(questions, name):
    assert name not in questions


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("Kenya", "Kenya"),
        ("The Gambia", "the Gambia"),
        ("Netherlands", "the Netherlands"),
        ("Marshall Islands", "the Marshall Islands"),
        ("Republic of the Congo", "the Republic of the Congo"),
    ],
)
def test_names_take_an_article_inside_a_sentence(name, inside):
    assert with_article(name) == inside


def test_the_questions_for_names_and_for_descriptions_are_all_of_them():
    kinds = {
        answers: Seq2SeqExamples(source="factbook", answers=answers).splits()["train"]
        for answers in ("all", "named", "described")
    }
    assert sorted(e.id for e in kinds["named"] + kinds["described"]) == sorted(
        e.id for e in kinds["all"]
    )
    relations = {kind: {e.id.split("/")[1] for e in some} for kind, some in kinds.items()}
    assert "capital" in relations["named"] and "national-symbol" in relations["described"]
    assert not relations["named"] & relations["described"]
