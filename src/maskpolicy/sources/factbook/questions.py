"""Closed-book questions about facts of the Factbook corpus, each with the passage that has it."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from maskpolicy.sources.base import Example, titled
from maskpolicy.sources.factbook import passages
from maskpolicy.sources.factbook.passages import Country, Field, fact_passages, read_countries

LONGEST_ANSWER = 10
"""Words; a longer answer is a description that nobody could be asked to repeat."""


@dataclass(frozen=True)
class Relation:
    """What is asked about a country, and how answers are read off the field that states it.

    question: a template with {country}. answers: the fact as its passage shows it -> every
    acceptable answer, the target first; none when the fact is not one that can be asked for.
    named: whether the answers are names or dates, which salient span masking (SSM) can find.
    """

    name: str
    field: Field
    question: str
    answers: Callable[[str], list[str]]
    named: bool


def factbook_questions(named: bool | None = None) -> list[Example]:
    """Every question, by country and relation; ids are "country code/relation".

    With `named` only those whose answers are names or dates, or only those whose are not.

    The target always occurs in the context (ignoring case). A question with the answer of another
    one about the same country is left out: with one in train and the other in test, fine-tuning
    alone would tell.
    """
    wanted = {f"/{relation.name}" for relation in RELATIONS if named in (None, relation.named)}
    return [
        example
        for country in read_countries()
        for example in questions_about(country)
        if example.id.removeprefix(country.code) in wanted
    ]


def questions_about(country: Country) -> list[Example]:
    """The questions about a country, by relation."""
    if country.code == "xx":  # the world has no capital
        return []
    stated = {field: passage for passage in fact_passages(country) for field in passage.fields}
    examples: list[Example] = []
    for relation in RELATIONS:
        if relation.field not in stated:
            continue
        passage = stated[relation.field]
        answers = [
            answer
            for answer in dict.fromkeys(relation.answers(country.fact(relation.field)))
            if len(answer.split()) <= LONGEST_ANSWER
        ]
        if not answers or answers[0].lower() not in passage.text.lower():
            continue
        if any(set(map(str.lower, answers)) & set(map(str.lower, e.answers)) for e in examples):
            continue
        examples.append(
            Example(
                id=f"{country.code}/{relation.name}",
                context=titled(passage.title, passage.text),
                source=relation.question.format(country=with_article(country.name)),
                target=answers[0],
                answers=tuple(answers),
                cluster=country.name,
            )
        )
    return examples


def answer_finder(examples: Iterable[Example]) -> Callable[[str], bool]:
    """Whether a text states an acceptable answer to one of the questions, as whole words.

    Case and accents don't matter. An answer that its own question names tells nothing new, as in
    "what is the capital of Luxembourg?": it doesn't count.
    """
    answers = {
        answer
        for example in examples
        for answer in map(_plain_letters, example.answers)
        if not _whole_words([answer]).search(_plain_letters(example.source))
    }
    pattern = _whole_words(sorted(answers))
    return lambda text: pattern.search(_plain_letters(text)) is not None


def _whole_words(texts: Iterable[str]) -> re.Pattern[str]:
    """A pattern of any of the texts; of none it finds nothing."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, texts)) or '(?!)'})(?!\w)")


def _plain_letters(text: str) -> str:
    """The text in lower case and without accents: "Brasília" -> "brasilia"."""
    parts = unicodedata.normalize("NFKD", text)
    return "".join(part for part in parts if not unicodedata.combining(part)).casefold()


_ARTICLE = re.compile(
    r"^(United|Democratic Republic|Republic|Federated|Central African|Dominican Rep|European Union"
    r"|Isle|Holy See|West Bank|Gaza Strip|British|French Southern)"
    r"|(Islands|Maldives|Netherlands|Philippines|Lands|Comoros)$"
)


def with_article(name: str) -> str:
    """A country's name as it stands inside a sentence: "Kenya", "the Netherlands", "the Gambia"."""
    if name.startswith("The "):
        return f"the {name.removeprefix('The ')}"
    return f"the {name}" if _ARTICLE.search(name) else name


# --- answers --------------------------------------------------------------------------------------

_NOTE = re.compile(r"\s*[(\[][^()\[\]]*[)\]]")
_IN_NOTE = re.compile(r"\(([^()]+)\)")
_LANGUAGE = re.compile(r" in [A-Z]\w+(?:ian|ish)$")
_QUOTED = re.compile(r'"([^"]+)"')
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DATE = re.compile(rf"\b(\d{{1,2}}) ({'|'.join(_MONTHS)})(?: (\d{{3,4}})\b| \((\d{{4}})\))?")
# Words of titles of office; what follows the last of them is the person's name.
_TITLES = {
    *("Acting", "Administrator", "Air", "Ambassador", "CNSP", "Capt.", "Captain", "Caretaker"),
    *("Chair", "Chairman", "Chairperson", "Chancellor", "Chief", "Co-Vice", "Co-prince", "Col."),
    *("Commissioner", "Crown", "Dame", "Deputy", "Dr.", "Duke", "Emir", "Emperor", "Executive"),
    *("Foreign", "GNU", "Gen.", "General", "Governor", "Grand", "Head", "Interim", "King"),
    *("Mayor", "Minister", "Premier", "President", "Prime", "Prince", "Ratu", "Sir", "Sr."),
    *("State", "Sultan", "Taoiseach", "Transition", "Transitional", "Vice", "Vice-Marshal"),
}


def _clause(fact: str) -> str:
    """The first clause without notes in parentheses."""
    return _NOTE.sub("", fact.split(";")[0]).strip(' "')


def _said(fact: str) -> list[str]:
    """The first clause, or the whole fact."""
    return [_clause(fact), _NOTE.sub("", fact).strip()]


def _first_of_clauses(fact: str) -> list[str]:
    """The first clause, or any other."""
    return [_clause(clause) for clause in fact.split("; ")]


def _place(fact: str) -> list[str]:
    """The first name, or what it is also called; a place without a name is none."""
    name, *others = _clause(fact).split(" - ")
    if not name or name.startswith(("unnamed", "highest", "lowest", "the ")):
        return []
    notes = [note for note in _IN_NOTE.findall(fact.split(";")[0]) if not re.search(r"\d", note)]
    return [_LANGUAGE.sub("", form) for form in (name, *others, *notes)]


def _listed(fact: str) -> list[str]:
    """The items of a list, and the list as a whole."""
    items = [item.strip() for item in re.split(r"[,;]\s+", _NOTE.sub("", fact)) if item.strip()]
    items = [re.sub(r"^(?:an?|the|and) ", "", item) for item in items]
    return [*items, ", ".join(items)] if items else []


def _whole_list(fact: str) -> list[str]:
    """A list that has to be complete, in the Factbook's order."""
    items = [_NOTE.sub("", item).strip() for item in fact.split(";")[0].split(",")]
    *some, last = items
    return [", ".join(items), f"{', '.join(some)} and {last}"] if some else items


def _date(fact: str) -> list[str]:
    """The first date in the usual ways to write it, or the year where only that is known."""
    date = _DATE.search(fact)
    if date is None:
        only = re.match(r"\d{3,4}\b", fact)
        return [only[0]] if only else []
    day, month, year = date[1], date[2], date[3] or date[4]
    if date[3]:
        return [f"{day} {month} {year}", f"{month} {day}, {year}", f"{month} {day} {year}"]
    days = [f"{day} {month}", f"{month} {day}"]
    return [*days, f"{day} {month} {year}", f"{month} {day}, {year}"] if year else days


def _person(fact: str) -> list[str]:
    """The office holder's name without and with the title, and without middle initials."""
    words = re.split(r" \(|;|, (?!Jr)| also | of Denmark| of Norway| of the Neth", fact)[0].split()
    start = next((i for i, word in enumerate(words) if word.strip(",") not in _TITLES), len(words))
    name = words[start:]
    surname = [word for word in name if word.isupper() and len(word.strip(".,")) > 1]
    if not surname or len(name) > 6 or {"of", "the", "and", "The"} & set(name):
        return []
    full = " ".join(_cased(word) for word in name)
    short = " ".join(
        _cased(word) for word in name if not re.fullmatch(r'[A-Z]\.|".*"|\(.*\)', word)
    )
    titled = " ".join([*words[:start], full])
    return [full, titled, short]


def _cased(word: str) -> str:
    """Surnames are in capitals in the source; numerals of monarchs stay."""
    if re.fullmatch(r"[IVX]+", word) or not word.isupper() or re.fullmatch(r"[A-Z]\.", word):
        return word
    return re.sub(r"[^\W\d_]+", lambda part: part[0].capitalize(), word)


def _anthem(fact: str) -> list[str]:
    """The title, and its translation in parentheses."""
    title = _QUOTED.search(fact)
    if title is None or not fact.startswith('"'):
        return []
    return [title[1].strip(" ,"), *_IN_NOTE.findall(fact[title.end() :])]


def _currency(fact: str) -> list[str]:
    """The plural, the singular and the code."""
    name = _clause(fact)
    singular = re.sub(r"s$", "", name)
    return [name, singular, *_IN_NOTE.findall(fact)] if name else []


RELATIONS = (
    Relation("capital", passages.CAPITAL, "what is the capital of {country}?", _place, True),
    Relation(
        "chief-of-state",
        passages.CHIEF_OF_STATE,
        "who is the chief of state of {country}?",
        _person,
        True,
    ),
    Relation(
        "legislature",
        passages.LEGISLATURE,
        "what is the legislature of {country} called?",
        _place,
        True,
    ),
    Relation(
        "independence",
        passages.INDEPENDENCE,
        "when did {country} become independent?",
        _date,
        True,
    ),
    Relation(
        "national-anthem",
        passages.NATIONAL_ANTHEM,
        "what is the title of the national anthem of {country}?",
        _anthem,
        True,
    ),
    Relation(
        "highest-point",
        passages.HIGHEST_POINT,
        "what is the highest point of {country}?",
        _place,
        True,
    ),
    Relation(
        "lowest-point",
        passages.LOWEST_POINT,
        "what is the lowest point of {country}?",
        _place,
        True,
    ),
    Relation(
        "government-type",
        passages.GOVERNMENT_TYPE,
        "what type of government does {country} have?",
        _said,
        False,
    ),
    Relation(
        "national-symbol",
        passages.NATIONAL_SYMBOL,
        "what is a national symbol of {country}?",
        _listed,
        False,
    ),
    Relation(
        "national-colors",
        passages.NATIONAL_COLORS,
        "what are the national colors of {country}?",
        _whole_list,
        False,
    ),
    Relation("currency", passages.CURRENCY, "what is the currency of {country}?", _currency, False),
    Relation(
        "internet-code",
        passages.INTERNET_CODE,
        "what is the internet country code of {country}?",
        lambda fact: [fact.split()[0].strip(",;")],
        False,
    ),
    Relation(
        "area-comparison",
        passages.AREA_COMPARISON,
        "how large is {country} by comparison?",
        _first_of_clauses,
        False,
    ),
)
