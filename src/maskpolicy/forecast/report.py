"""What a study will cost, and what it cost, in the terminal."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from maskpolicy.errors import counted, listed
from maskpolicy.forecast.actual import StudyCost
from maskpolicy.forecast.designs import USUAL_SPREAD
from maskpolicy.forecast.need import LONGEST_MINUTES, SAFETY
from maskpolicy.forecast.summary import RuleForecast, StudyForecast

MB_A_GB = 1000.0

SMALL = 0.001
"""Of all hours: rules below it are one line."""

LARGEST_GPU = 80_000
"""MB of a GPU's memory that are there to be had, mostly."""

LONG = LONGEST_MINUTES / 60 / SAFETY
"""Hours of a job that asks for more than partitions grant."""


def print_forecast(forecast: StudyForecast, console: Console | None = None) -> None:
    """Print what a study will cost: by rule, in time, by design, and what was assumed."""
    console = console or Console(highlight=False)
    if not forecast.rules:
        console.print(f"{forecast.study}: nothing to be done")
    else:
        _print_rules(forecast, console)
        _print_time(forecast, console)
    _print_designs(forecast, console)
    _print_assumed(forecast, console)


def _print_rules(forecast: StudyForecast, console: Console) -> None:
    total = sum(rule.gpu_hours + rule.cpu_hours for rule in forecast.rules)
    large = [rule for rule in forecast.rules if rule.gpu_hours + rule.cpu_hours >= SMALL * total]
    small = [rule for rule in forecast.rules if rule not in large]
    lines = [_line(rule.rule, [rule]) for rule in large]
    if small:
        lines.append(_line(f"{counted(len(small), 'other rule')}", small))
    lines.append(_line("total", forecast.rules))
    heads = [
        "rule",
        "jobs",
        "GPU-hours",
        "CPU-hours",
        "longest job",
        "memory",
        "GPU memory",
        "disk",
    ]
    if not forecast.gpus:
        for line in (heads, *lines):
            del line[6], line[2]
    print_lines(heads, lines, console)


def _line(name: str, rules: Sequence[RuleForecast]) -> list[str]:
    return [
        name,
        f"{sum(rule.jobs for rule in rules):,}",
        _hours(sum(rule.gpu_hours for rule in rules)),
        _hours(sum(rule.cpu_hours for rule in rules)),
        duration(max(rule.longest for rule in rules)),
        _gigabytes(max(rule.memory for rule in rules)),
        _gigabytes(max(rule.gpu_memory for rule in rules)),
        _gigabytes(sum(rule.disk for rule in rules)),
    ]


def _print_time(forecast: StudyForecast, console: Console) -> None:
    machines = counted(forecast.cores, "core")
    if forecast.gpus:
        one = "" if forecast.profile else " (one a job)"
        machines = f"{counted(forecast.gpus, 'GPU')}{one} and {machines}"
    if forecast.profile:
        machines += f" (as {forecast.profile} gives them)"
    console.print(
        f"\nOn {machines}: {duration(forecast.hours)}, with about"
        f" {_hours(forecast.kilowatt_hours) or 0} kWh of what computes.",
        soft_wrap=True,
    )
    links = [
        f"{link.rule}{f' x {link.jobs}' if link.jobs > 1 else ''} {duration(link.hours)}"
        for link in forecast.chain
        if link.hours >= 0.01 * forecast.chain_hours
    ]
    console.print(
        f"The longest chain, whatever there is to run it: {duration(forecast.chain_hours)}:"
        f" {', then '.join(links)}.",
        soft_wrap=True,
    )
    if large := [rule.rule for rule in forecast.rules if rule.gpu_memory > LARGEST_GPU]:
        console.print(
            Text(
                f"More than the {LARGEST_GPU / MB_A_GB:.0f} GB of a GPU: {', '.join(large)}. Set"
                " `examples_at_once`, or a smaller `batch_size` of networks.",
                "yellow",
            ),
            soft_wrap=True,
        )

    if several := [rule for rule in forecast.rules if rule.attempts > 1]:
        named = ", ".join(f"{rule.rule} {rule.attempts}" for rule in several)
        retries = max(rule.attempts for rule in several) - 1
        console.print(
            Text(
                f"A job asks a cluster for {LONGEST_MINUTES // 60} hours at most and goes on in its"
                f" next attempt. Attempts that one may need: {named}. Set `retries: {retries}` in"
                " the profile.",
                "yellow",
            ),
            soft_wrap=True,
        )
    long = [rule for rule in forecast.rules if rule.longest > LONG and rule.attempts == 1]
    if long:
        named = ", ".join(f"{rule.rule} {duration(rule.longest)}" for rule in long)
        console.print(
            Text(
                f"Jobs that start anew when they are stopped: {named}. Give the corpus more"
                " `shards`, or the rule a `runtime` in the profile that your partition grants.",
                "yellow",
            ),
            soft_wrap=True,
        )


def _print_designs(forecast: StudyForecast, console: Console) -> None:
    if not forecast.designs:
        return
    console.print(
        "\nThe smallest difference that a table could find (paired t-test, two-sided, 5 %, with a"
        " power of 80 %):",
        soft_wrap=True,
    )
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for design in forecast.designs:
        columns = (
            str(design.runs),
            "none" if design.effect is None else f"{design.effect:.2f} sd",
            "" if design.points is None else f"{design.points:.1f}",
            f"{design.spread:.2f}, {design.spread_from}",
            f"{design.task} {design.metric}",
        )
        alike[columns].append(design.table)
    heads = ["tables", "runs", "difference", "points", "sd of differences", "task"]
    print_lines(heads, [[listed(names, 2), *columns] for columns, names in alike.items()], console)


def _print_assumed(forecast: StudyForecast, console: Console) -> None:
    device = forecast.rates.gpu if forecast.gpus else forecast.rates.cpu
    console.print(f"\nAssumed: networks are on {device.name}.", soft_wrap=True)
    alike: dict[str, list[str]] = defaultdict(list)
    for key, what in forecast.assumed.items():
        alike[what].append(key)
    for what, keys in alike.items():
        console.print(f"  {listed(keys, 3)}: {what}", soft_wrap=True)
    if any(design.spread_from == "assumed" for design in forecast.designs):
        console.print(
            f"  tables: differences between runs spread by {USUAL_SPREAD:g} point where neither"
            " results nor a paper say it",
            soft_wrap=True,
        )
    console.print(
        "  finetuning: all epochs, whatever `patience`; texts half as long as they may be",
        soft_wrap=True,
    )


def print_lines(heads: Sequence[str], lines: Iterable[Sequence[str]], console: Console) -> None:
    """Print a table whose first column is of names and whose others are of numbers."""
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold")
    for number, head in enumerate(heads):
        drawn.add_column(Text(head), justify="right" if number else "left", no_wrap=True)
    for line in lines:
        drawn.add_row(*map(Text, line))
    # A table wider than the screen is cut by the terminal, not squeezed into unreadable columns.
    width = Measurement.get(console, console.options.update(max_width=10_000), drawn).maximum
    console.width = max(console.width, width)
    console.print(drawn)


def duration(hours: float) -> str:
    """In the unit that one would say it in."""
    if hours < 1 / 60:
        return f"{hours * 3600:.0f} s"
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


def _hours(hours: float) -> str:
    if not hours:
        return ""
    return f"{hours:,.0f}" if hours >= 100 else f"{hours:.2g}" if hours < 10 else f"{hours:.1f}"


def _gigabytes(megabytes: float) -> str:
    return f"{megabytes / MB_A_GB:,.1f} GB" if megabytes >= 50 else f"{megabytes:.0f} MB"


def print_cost(cost: StudyCost, console: Console | None = None) -> None:
    """Print what a study cost, by rule beside the forecast, and by arm."""
    console = console or Console(highlight=False)
    if not cost.rules:
        console.print(f"{cost.study}: nothing has run yet")
        return
    lines = [
        [
            rule.rule,
            f"{rule.jobs:,}",
            duration(rule.forecast),
            duration(rule.measured),
            f"{rule.forecast / max(rule.measured, 1e-9):.2f}",
        ]
        for rule in cost.rules
    ]
    print_lines(["rule", "jobs", "forecast", "measured", "ratio"], lines, console)
    heads = ["arm", "GPU-hours", "CPU-hours", "kWh"]
    arms = [
        [arm.arm, _hours(arm.gpu_hours), _hours(arm.cpu_hours), _hours(arm.kilowatt_hours)]
        for arm in cost.arms
    ]
    if not cost.gpu:
        for line in (heads, *arms):
            del line[1]
    console.print(
        "\nTime of processors, by arm: a core for all of a job, or more where Snakemake saw more"
        " used; what some arms share counts for each. Of a job that was"
        " interrupted only its last part was measured:",
        soft_wrap=True,
    )
    print_lines(heads, arms, console)
    watts = cost.rates.watts(gpu=cost.gpu)
    console.print(f"\nEnergy is time times {watts}, and not measured.", soft_wrap=True)
