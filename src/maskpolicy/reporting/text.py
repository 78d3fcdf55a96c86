"""Numbers and names as result tables print them."""

from collections.abc import Iterable

from maskpolicy.statistics.aggregates import Aggregate

ABSENT = "–"
MINUS = "−"


def score_text(mean: float, std: float | None) -> str:
    """A score in the papers' manner: 100 times, two decimals, "29.40 ± .35", "−1.20"."""
    return points_text(100 * mean, None if std is None else 100 * std)


def points_text(mean: float, std: float | None) -> str:
    """The same for figures that are already times 100."""
    score = f"{mean:z.2f}".replace("-", MINUS)  # z: no minus before a zero
    return score if std is None else f"{score} ± {bare(f'{std:.2f}')}"


def difference_text(difference: float) -> str:
    """A difference of scores, times 100, always with its sign."""
    return f"{100 * difference:+.2f}".replace("-", MINUS)


def interval_text(interval: tuple[float, float] | None) -> str:
    """An interval of differences, times 100."""
    return "[" + ", ".join(map(difference_text, interval)) + "]" if interval else ABSENT


def p_text(p: float | None) -> str:
    """A p-value with three decimals and no leading zero."""
    if p is None:
        return ABSENT
    return "<.001" if p < 0.001 else bare(f"{p:.3f}")


def p_relation(p: float | None) -> str:
    """A p-value with its relation: "= .085", "< .001"."""
    if p is None:
        return "unknown"
    return "< .001" if p < 0.001 else f"= {p_text(p)}"


def effect_text(effect: float | None) -> str:
    """A standardised difference with its sign."""
    return ABSENT if effect is None else f"{effect:+.1f}".replace("-", MINUS)


def aggregate_text(aggregate: Aggregate, times: float = 1) -> str:
    """An estimate with its interval: "45.10 [43.20, 47.00]", "0.92 [0.75, 1.00]"."""
    written = f"{times * aggregate.estimate:.2f}"
    if aggregate.interval:
        low, high = (f"{times * bound:.2f}" for bound in aggregate.interval)
        written += f" [{low}, {high}]"
    return written.replace("-", MINUS)


def percent_text(share: float) -> str:
    """A share in per cent with one decimal."""
    return f"{100 * share:.1f} %"


def listed(items: Iterable[object]) -> str:
    """Items with commas between them."""
    return ", ".join(map(str, items))


_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "$": r"\$",
        "&": r"\&",
        "#": r"\#",
        "%": r"\%",
        "_": r"\_",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        # After \\, or a rule, what begins with one of these would be its argument.
        "[": "{[}",
        "*": "{*}",
        "±": r"$\pm$",
        "×": r"$\times$",
        "†": r"\textdagger{}",
        "–": "--",
        MINUS: "$-$",
        "\n": " ",
    }
)


def latex(text: str) -> str:
    """Text with everything that LaTeX would read as a command escaped."""
    return text.translate(_LATEX)


def bare(number: object) -> str:
    """A number without the zero before its point."""
    written = str(number)
    return written[1:] if written.startswith("0.") else written
