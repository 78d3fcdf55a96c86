"""Whether the records of a study fit together: each check yields messages that begin with a key.

A check takes the records as they are, so it steps over what another one reports: names that are
unknown, stages that are not there.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations
from pathlib import Path

from maskpolicy.analysis.specs import ArmCheckpoint
from maskpolicy.arms import CONTROL, NO_POLICY, policy_of
from maskpolicy.corpora.specs import TokenizerSource, TrainedTokenizer
from maskpolicy.errors import closest, did_you_mean, listed
from maskpolicy.evaluation.specs import PRINTED_AVERAGE
from maskpolicy.models.specs import FAMILIES, Model
from maskpolicy.pretrained import known_positions, known_type, lacks_sentinels, problem_of
from maskpolicy.study.plan import Arm, label_of, planned_arms
from maskpolicy.study.records import NO_INPUT, ArmsOfModel, Row, StudyRecords
from maskpolicy.tasks.specs import TaskKind
from maskpolicy.training.specs import HELD_OUT, Pretraining

RESERVED_STAGES = frozenset({"initial", "general"})
"""Names of checkpoints beside those of the intermediate stages."""

TABLE_ENDINGS = (".files", ".runs", ".significance")
"""What the names of files beside a table add to its name."""

DOCUMENTS = frozenset({"documents", "documents.json"})
"""Files of a corpus beside the folders of its tokenizers."""

MOST_JOBS = 100_000
"""Snakemake plans about 300 jobs a second, and anew for every command."""

MOST_WEIGHTS = 10**10
"""Of a model that one process trains in float32."""

# The words for a kind of task in messages: what it is, and one to learn from.
_KIND: Mapping[TaskKind, str] = {
    "seq2seq": "question answering",
    "classification": "classification",
}
_TEACHER: Mapping[TaskKind, str] = {
    "seq2seq": "questions with contexts",
    "classification": "a classification task",
}


def unknown_names(study: StudyRecords) -> Iterator[str]:
    """Names of records that there are not."""

    def check(key: str, name: str | None, known: Iterable[str]) -> Iterator[str]:
        if name is not None and name not in known:
            meant = did_you_mean(closest(name, known))
            yield f"{key}: unknown name {name!r}; known: {listed(known) or 'none'}{meant}"

    def check_arm(key: str, arm: str, *others: str) -> Iterator[str]:
        arms = [*others, *study.policies, *(f"{policy}{CONTROL}" for policy in study.policies)]
        if arm not in arms:
            known = f"{listed([*others, *study.policies]) or 'none'}, or POLICY{CONTROL}"
            yield f"{key}: unknown name {arm!r}; known: {known}{did_you_mean(closest(arm, arms))}"

    for name, tokenizer in study.tokenizers.items():
        for corpus in getattr(tokenizer, "train_on", ()):
            yield from check(f"tokenizers.{name}.train_on", corpus, study.corpora)
    for name, model in study.models.items():
        yield from check(f"models.{name}.tokenizer", model.tokenizer, study.tokenizers)
    for name, training in study.networks.items():
        yield from check(f"networks.{name}.model", training.model, study.models)
        yield from check(f"networks.{name}.task", training.task, study.tasks)
    for name, policy in study.policies.items():
        for network in policy.decide.networks:
            yield from check(f"policies.{name}.decide.network", network, study.networks)
    if NO_POLICY in study.policies:
        yield f"policies.{NO_POLICY}: the name is taken by the arm without a policy"
    if HELD_OUT in study.policies:
        yield f"policies.{HELD_OUT}: the name is taken by the masks of held-out losses"
    if study.general is not None:
        yield from check("general.corpus", study.general.corpus, study.corpora)
        yield from check_arm("general.policy", study.general.policy)
    for name, stage in study.intermediate.items():
        yield from check(f"intermediate.{name}.corpus", stage.corpus, study.corpora)
        if stage.held_out:
            yield from check(f"intermediate.{name}.held_out", stage.held_out.corpus, study.corpora)
    tested = {task for table in study.tables.values() for task in table.tasks}
    for name, task in study.tasks.items():
        knowledge = getattr(task.examples, "knowledge", None)
        yield from check(f"tasks.{name}.examples.knowledge", knowledge, study.knowledge)
        for section in ("finetuning", "generation"):
            chosen = getattr(task, section, None)
            # What only teaches a network is not fine-tuned on.
            if chosen == "default" and name in tested and chosen not in getattr(study, section):
                yield (
                    f"{section}.default: this key is missing; the task {name!r} takes it, because"
                    f" it names no other in `{section}`"
                )
            elif chosen != "default":
                yield from check(f"tasks.{name}.{section}", chosen, getattr(study, section))
    for name, finetuning in study.finetuning.items():
        if searched := finetuning.search_on:
            key = f"finetuning.{name}.search_on"
            yield from check_arm(f"{key}.arm", searched.arm, NO_POLICY)
            yield from check(f"{key}.model", searched.model, study.models)
            yield from check(f"{key}.stage", searched.stage, study.intermediate)
    for name, table in study.tables.items():
        for of_table in table.tasks:
            yield from check(f"tables.{name}.tasks", of_table, study.tasks)
        rows = [row.name for block in table.blocks for row in _measured_rows(study, block)]
        for against in table.against:
            yield from check(f"tables.{name}.against", against, rows)
        yield from check(f"tables.{name}.stars", table.stars, rows)
    for _, key, block in study.blocks():
        yield from check(f"{key}.model", block.model, study.models)
        yield from check(f"{key}.intermediate", block.intermediate, study.intermediate)
        for entry in block.measured:
            yield from check_arm(f"{key}.arms", entry.arm, NO_POLICY)
        for entry in block.entries:
            yield from check(f"{key}.arms.intermediate", entry.intermediate, study.intermediate)
    for name, analysis in study.variance.items():
        yield from check(f"variance.{name}.model", analysis.model, study.models)
        yield from check(f"variance.{name}.corpus", analysis.corpus, study.corpora)
        if isinstance(start := analysis.start, ArmCheckpoint):
            key = f"variance.{name}.start"
            yield from check(f"{key}.stage", start.stage, study.intermediate)
            yield from check_arm(f"{key}.policy", start.policy)


def repeated_names(study: StudyRecords) -> Iterator[str]:
    """Arms, tasks, seeds and the like that are listed twice, which would be counted twice."""
    listed: dict[str, tuple[object, ...]] = {
        "seeds.pretraining": study.seeds.pretraining,
        "seeds.finetuning": study.seeds.finetuning,
    }
    for name, table in study.tables.items():
        listed |= {f"tables.{name}.tasks": table.tasks, f"tables.{name}.against": table.against}
    for _, key, block in study.blocks():
        # One arm may have rows of several stages, with a name each.
        listed[f"{key}.arms"] = tuple(_with_stages(study, block))
    for name, finetuning in study.finetuning.items():
        listed[f"finetuning.{name}.learning_rates"] = finetuning.learning_rates or ()
        listed[f"finetuning.{name}.batch_sizes"] = finetuning.batch_sizes
        if isinstance(finetuning.steps, tuple):
            listed[f"finetuning.{name}.steps"] = finetuning.steps
    for name, task in study.tasks.items():
        listed[f"tasks.{name}.metrics"] = task.metrics
    for name, tokenizer in study.tokenizers.items():
        listed[f"tokenizers.{name}.train_on"] = getattr(tokenizer, "train_on", ())
    for key, values in listed.items():
        for value, times in Counter(values).items():
            if times > 1:
                yield f"{key}: {value!r} stands there {times} times"


def ambiguous_paths(study: StudyRecords) -> Iterator[str]:
    """Names by which results of two stages would have the same path."""
    for name in study.tables:
        if ending := next((ending for ending in TABLE_ENDINGS if name.endswith(ending)), None):
            yield (
                f"tables.{name}: the name may not end in `{ending}`, as files beside the table"
                f" {name.removesuffix(ending)!r} do"
            )
    for name in DOCUMENTS & set(study.tokenizers):
        yield f"tokenizers.{name}: the name is taken by a file of each corpus"


def too_much_to_plan(study: StudyRecords) -> Iterator[str]:
    """Numbers that make more jobs than can be planned, masks that are never read, or models that
    fit no machine.
    """
    jobs = _jobs(study)
    if (total := sum(jobs.values())) > MOST_JOBS:
        key, most = max(jobs.items(), key=lambda job: job[1])
        yield (
            f"{key}: this makes {most:,} of the study's {total:,} jobs, and Snakemake takes minutes"
            f" to plan {MOST_JOBS:,}"
        )
    for where, record in _stages(study).items():
        if record.mask_epochs > (read := record.steps * record.batch_size):
            yield (
                f"{where}.mask_epochs: {record.mask_epochs:,} masks of each sequence are made, but"
                f" `steps` * `batch_size` are only {read:,} sequences"
            )
    for name, model in study.models.items():
        if model.architecture and (weights := model.architecture.weights) > MOST_WEIGHTS:
            yield (
                f"models.{name}.architecture: this is a model of more than {weights:.0e} weights;"
                f" of {MOST_WEIGHTS:.0e}, AdamW has 160 GB in memory"
            )


def unsuitable_starts(study: StudyRecords) -> Iterator[str]:
    """Checkpoints to start from that no stage makes."""
    for name in RESERVED_STAGES & set(study.intermediate):
        yield f"intermediate.{name}: the name is taken by checkpoints that all arms start from"
    starts: dict[str, object] = {}
    for section in ("intermediate", "networks", "variance"):
        records = getattr(study, section)
        starts |= {f"{section}.{name}": record.start for name, record in records.items()}
    kept = study.general.stops if study.general else ()
    for key, start in starts.items():
        if start == "general" and study.general is None:
            yield f"{key}.start: there is no `general` stage"
        elif isinstance(start, int) and start not in kept:
            yield f"{key}.start: {start} is none of the `stops` of `general`"


def unsuitable_trainers(study: StudyRecords) -> Iterator[str]:
    """Stages that fairseq is to train, with what it doesn't do here."""
    stages = {key: record for key, record in _stages(study).items() if record.trainer == "fairseq"}
    for key, record in stages.items():
        if record.decayed != "all":
            yield f"{key}.decayed: fairseq decays all weights, not the {record.decayed} alone"
        for name in ("examples_at_once", "gradient_checkpointing"):
            if getattr(record, name):
                yield f"{key}.{name}: fairseq takes each step whole here, and keeps activations"
        if record.shard_parameters:
            yield f"{key}.shard_parameters: fairseq trains in one process here"
    for policy, name, stage in sorted(_trainings(study)):
        if (key := _where(stage)) not in stages:
            continue
        model, masking = study.models.get(name), study.policies.get(policy)
        if model and (kind := _other_than_bart(model)):
            yield f"{key}.trainer: fairseq trains BART here, and {name!r} is {kind} ({policy!r})"
        if masking and masking.copies > 1:
            yield (
                f"{key}.trainer: fairseq reads one masked copy of a sequence, and {policy!r} has"
                f" {masking.copies} `copies`"
            )


def unsuitable_networks(study: StudyRecords) -> Iterator[str]:
    """Networks that learn from a model or a task of the wrong kind."""
    for name, training in study.networks.items():
        model, task = study.models.get(training.model), study.tasks.get(training.task)
        wanted = FAMILIES[training.needs]
        if model and model.family != training.needs:
            yield f"networks.{name}.model: {training.method} policies need {wanted.called}"
        if task and (task.kind != wanted.task or getattr(task, "regression", False)):
            yield f"networks.{name}.task: {training.method} policies need {_TEACHER[wanted.task]}"


def unsuitable_tables(study: StudyRecords) -> Iterator[str]:
    """Tables without a stage, whose model is not fine-tuned so or on such tasks, untested, or of
    one task that has no average; masks of several stages in one analysis.
    """
    for name, table in study.tables.items():
        if not study.intermediate:
            yield f"tables.{name}: there is no `intermediate` stage to compare policies in"
        if table.average and len(table.tasks) < 2:
            yield f"tables.{name}.average: there is one task, and so nothing to average"
        if table.average and PRINTED_AVERAGE in table.tasks:
            yield f"tables.{name}.tasks: with `average` that is the name of another column"
        compared = {row.stage for block in table.blocks for row in _measured_rows(study, block)}
        if table.mask_analysis and len(compared) > 1:
            yield (
                f"tables.{name}.mask_analysis: masks are analysed of one stage, not of"
                f" {listed(sorted(compared))}: ask for it in a table of one, which shares the runs"
            )
    for name, key, block in study.blocks():
        unsaid = [entry for entry in block.measured if not entry.intermediate]
        if block.intermediate is None and unsaid and len(study.intermediate) > 1:
            stages = ", ".join(study.intermediate)
            yield f"{key}.intermediate: this key is missing; one of: {stages}"
        if not (model := study.models.get(block.model)):
            continue
        wanted = model.traits
        tasks = {t: study.tasks[t] for t in study.tables[name].tasks if t in study.tasks}
        for chosen in dict.fromkeys(task.finetuning for task in tasks.values()):
            if chosen not in study.finetuning:
                continue
            for problem in study.finetuning[chosen].unsuited(model.family):
                yield f"finetuning.{chosen}.{problem} ({block.model!r} of table {name!r})"
            searched = study.finetuning[chosen].search_on
            on = searched.model if searched and searched.model else block.model
            if on in study.models and study.models[on].family != model.family:
                yield (
                    f"finetuning.{chosen}.search_on.model: {on!r} is"
                    f" {study.models[on].traits.called}, unlike {block.model!r} of table {name!r}"
                )
        for of_table, task in tasks.items():
            if task.kind != wanted.task:
                yield (
                    f"tables.{name}.tasks: {of_table!r} is no {_KIND[wanted.task]}, as"
                    f" {block.model!r} needs"
                )
            if not task.test:
                yield f"tasks.{of_table}.test: 0 leaves table {name!r} nothing to score"


def unshown_figures(study: StudyRecords) -> Iterator[str]:
    """Published figures of what is not in their table, which would be left out; rows of nothing."""
    for name, key, block in study.blocks():
        table = study.tables[name]
        rows = [row.name for row in study.rows_of(block)]
        for row in study.rows_of(block):
            if row.only_printed and not block.paper.get(row.name):
                yield f"{key}.arms: {row.name!r} is `only_printed`, but `paper` has no figure of it"
        for arm, tasks in block.paper.items():
            if arm not in rows:
                meant = did_you_mean(closest(arm, rows))
                yield f"{key}.paper.{arm}: this is no arm of the table{meant}"
            for task, figures in tasks.items():
                columns = [*table.tasks, *([PRINTED_AVERAGE] if table.average else [])]
                where = f"{key}.paper.{arm}.{task}"
                if task not in columns:
                    meant = did_you_mean(closest(task, columns))
                    yield f"{where}: this is no task of the table{meant}"
                elif isinstance(figures, dict) != (task in table.tasks):
                    wanted = "by metric" if task in table.tasks else "one: [mean, deviation]"
                    yield f"{where}: its figures should be {wanted}"
                elif task in study.tasks:
                    for metric in set(figures) - set(study.tasks[task].metrics):
                        yield f"{where}: {metric!r} is none of the metrics of {task!r}"


def ambiguous_labels(study: StudyRecords) -> Iterator[str]:
    """Arms or rows of one table that a figure could not tell apart."""
    for _, key, block in study.blocks():
        entries = dict.fromkeys(entry.arm for entry in block.measured)
        arms = [arm for arm in entries if policy_of(arm) in study.policies]
        for one, other in combinations(arms, 2):
            if (label := label_of(study, one)) == label_of(study, other):
                yield f"{key}.arms: {one!r} and {other!r} have the same label, {label!r}"
        rows = {row.name: row.label for row in study.rows_of(block)}
        for one, other in combinations(rows, 2):
            if rows[one] == rows[other]:
                yield f"{key}.arms: {one!r} and {other!r} have the same label, {rows[one]!r}"
    for name, table in study.tables.items():
        headings = Counter(block.heading for block in table.blocks)
        for heading, times in headings.items():
            if times > 1:
                yield f"tables.{name}.blocks: {times} have the same label, {heading!r}"


def unsuitable_analyses(study: StudyRecords) -> Iterator[str]:
    """Analyses of gradients of a model that predicts nothing in place, or of too long sequences."""
    for name, analysis in study.variance.items():
        model, corpus = study.models.get(analysis.model), study.corpora.get(analysis.corpus)
        if model and not model.traits.in_place:
            yield f"variance.{name}.model: {analysis.model!r} is no encoder"
        if corpus and analysis.length > corpus.sequence_length:
            yield (
                f"variance.{name}.length: {analysis.length} tokens are more than the"
                f" {corpus.sequence_length} of a row of {analysis.corpus!r}"
            )


def unsuitable_policies(study: StudyRecords) -> Iterator[str]:
    """Policies whose objective, or number of copies, a stage that uses them can't train."""
    for name, model, stage in sorted(_trainings(study), key=str):
        if name not in study.policies or model not in study.models:
            continue
        policy, tokenizer = study.policies[name], study.models[model].tokenizer
        problem = policy.objective.incompatibility(
            study.models[model].family, policy.decide.inserts
        )
        if problem is not None:
            yield f"policies.{name}.objective: {problem}"
        reason = _without_sentinels(study.tokenizers.get(tokenizer))
        if reason and policy.objective.source == "sentinel":
            yield (
                f"policies.{name}.objective: `source: sentinel` needs T5's sentinels, which"
                f" {tokenizer!r}, the tokenizer of {model!r}, lacks{reason}"
            )
        for network in set(policy.decide.networks) & set(study.networks):
            training = study.networks[network]
            reads = study.models.get(training.model)
            if reads and reads.tokenizer != tokenizer:
                yield (
                    f"policies.{name}.decide.network: {network!r} knows the tokens of"
                    f" {reads.tokenizer!r}, but {model!r} reads those of {tokenizer!r}"
                )
            if stage == "general" and study.start_of(training) != "initial":
                yield (
                    f"networks.{network}.start: the general stage masks with this network, which"
                    " can't start from what that stage trains: `start: initial`"
                )
        where, record = _where(stage), study.pretraining(stage)
        corpus = study.corpora.get(record.corpus) if record else None
        if corpus and corpus.rows == "sentences" and policy.decide.keeps == "sentence":
            yield (
                f"policies.{name}.decide: it masks some sentences of a row, but the corpus of"
                f" {where} has `rows: sentences`, one each"
            )
        for key in ("batch_size", "mask_epochs"):
            if record and getattr(record, key) % policy.copies:
                yield (
                    f"{where}.{key}: {getattr(record, key)} is no multiple of the"
                    f" {policy.copies} `copies` of policy {name!r}"
                )


def unsuitable_held_out(study: StudyRecords) -> Iterator[str]:
    """Text that is none that arms don't read, or that a model can't be measured on."""
    for name, stage in study.intermediate.items():
        if (held_out := stage.held_out) is None:
            continue
        key = f"intermediate.{name}.held_out"
        for where, record in _stages(study).items():
            if where not in ("general", _where(name)):
                continue
            read, held = (study.corpora.get(each.corpus) for each in (record, held_out))
            if read and held and read.reads_as(held):
                yield f"{key}: {held_out.corpus!r} is the text of {where}, and so not held out"
        for model in {arm.model for arm in planned_arms(study) if arm.stage == name}:
            if model not in study.models:
                continue
            objective = held_out.objective_of(study.models[model].family)
            if problem := objective.incompatibility(study.models[model].family):
                yield f"{key}.objective: {problem}"
            tokenizer = study.models[model].tokenizer
            reason = _without_sentinels(study.tokenizers.get(tokenizer))
            if reason and objective.source == "sentinel":
                yield (
                    f"{key}.objective: `source: sentinel` needs T5's sentinels, which"
                    f" {tokenizer!r}, the tokenizer of {model!r}, lacks{reason}"
                )


def unsuitable_lengths(study: StudyRecords) -> Iterator[str]:
    """Sequences that don't fit into a model of known size."""
    for (key, name), tokens in sorted(_longest_sequences(study).items()):
        positions = _positions(study.models[name]) if name in study.models else None
        if positions and tokens > positions:
            yield (
                f"{key}: with special tokens {tokens} tokens, which are more than the"
                f" {positions} positions of {name!r}"
            )


def splits_dealt_in_vain(study: StudyRecords) -> Iterator[str]:
    """Shares of train that a task asks for in place of a split that its source has.

    As far as the source's record says it, and where the configuration does: each has a default.
    """
    for name, task in study.tasks.items():
        own = {split: getattr(task.examples, split, None) is not None for split in ("dev", "test")}
        why = {split: f"`examples` names a `{split}`" for split in own if own[split]}
        if task.dev_as_test:
            why = {"test": "`dev_as_test` makes one of the source's dev"}
        for split in why.keys() & task.model_fields_set:
            yield f"tasks.{name}.{split}: no {split} split is dealt, as {why[split]}: leave it out"


def unsuitable_folders(study: StudyRecords) -> Iterator[str]:
    """Local folders from which no model, or no tokenizer, can be loaded. Missing ones are another
    matter: a plan may be looked at before they are there (see `StudyRecords.missing_files`).
    """
    for section, records in (("models", study.models), ("tokenizers", study.tokenizers)):
        for name, record in records.items():
            folder = getattr(record, "pretrained", None)
            if folder and Path(folder).exists():
                problem = problem_of(folder, tokenizer=section == "tokenizers")
                if problem:
                    yield f"{section}.{name}.pretrained: {problem}"


def unsuitable_paths(study: StudyRecords) -> Iterator[str]:
    """Files and folders whose names no input of a rule can have."""
    for key, path in study.named_paths().items():
        if sign := NO_INPUT.search(path):
            yield (
                f"{'.'.join(key)}: {path!r} has a {sign[0]!r}, which Snakemake takes for a part of"
                " a pattern: rename it"
            )


CHECKS: tuple[Callable[[StudyRecords], Iterator[str]], ...] = (
    unknown_names,
    repeated_names,
    ambiguous_paths,
    too_much_to_plan,
    unsuitable_starts,
    unsuitable_trainers,
    unsuitable_networks,
    unsuitable_tables,
    unshown_figures,
    ambiguous_labels,
    unsuitable_analyses,
    unsuitable_policies,
    unsuitable_held_out,
    unsuitable_lengths,
    splits_dealt_in_vain,
    unsuitable_folders,
    unsuitable_paths,
)
"""All of them, in the order of their messages."""


def _trainings(study: StudyRecords) -> set[tuple[str, str, str]]:
    """(policy, model, stage) of everything that the study may train."""
    trainings = {(arm.policy, arm.model, arm.stage) for arm in planned_arms(study)}
    unused = set(study.policies) - {policy for policy, _, _ in trainings}
    # A policy that no table asks for may be run by hand, with the models that there are.
    families = {model.family: name for name, model in study.models.items()}
    if len(families) == 1:
        trainings |= {(policy, name, "") for policy in unused for name in families.values()}
    return trainings


def _where(stage: str) -> str:
    """The key of a pre-training stage."""
    return stage if stage == "general" else f"intermediate.{stage}"


def _stages(study: StudyRecords) -> dict[str, Pretraining]:
    """Every pre-training stage by its key."""
    stages = {_where(name): study.pretraining(name) for name in ["general", *study.intermediate]}
    return {key: stage for key, stage in stages.items() if stage}


def _jobs(study: StudyRecords) -> Counter[str]:
    """About how many jobs there are because of a key: of masking and fine-tuning, the many ones.

    Each run of a job that fine-tunes counts, as each has files that Snakemake looks at.
    """
    jobs: Counter[str] = Counter()
    masked: dict[str, set[Arm]] = defaultdict(set)
    for arm in planned_arms(study):
        if record := study.pretraining(arm.stage):
            masked[record.corpus].add(arm)
    for name in masked.keys() & study.corpora:
        # Each shard is cut, and masked for every arm.
        jobs[f"corpora.{name}.shards"] = study.corpora[name].shards * (1 + len(masked[name]))
    seeds = study.seeds
    for name, key, block in study.blocks():
        for entry in block.measured:
            stage = study.intermediate.get(study.stage_of(block, entry))
            checkpoints = len(seeds.pretraining) * (1 + len(stage.stops if stage else ()))
            jobs[key] += checkpoints * len(study.tables[name].tasks) * len(seeds.finetuning)
    return jobs


def _measured_rows(study: StudyRecords, block: ArmsOfModel) -> list[Row]:
    """The rows of a block that something is run for."""
    return [row for row in study.rows_of(block) if not row.only_printed]


def _with_stages(study: StudyRecords, block: ArmsOfModel) -> Iterator[str]:
    """The arms of a block, those of another stage than its own with it: what may be there once."""
    for row in study.rows_of(block):
        yield row.arm if row.stage == study.stage_of(block) else f"{row.arm} after {row.stage}"


def _positions(model: Model) -> int | None:
    """The tokens that fit into a model, where that is known before it is loaded."""
    if model.architecture is not None:
        return model.architecture.max_positions
    return known_positions(model.pretrained) if model.pretrained else None


def _other_than_bart(model: Model) -> str | None:
    """What a model is that is known to be no BART before it is loaded."""
    if model.family != "seq2seq":
        return model.traits.called
    kind = known_type(model.pretrained) if model.pretrained else None
    return None if kind in (None, "bart") else f"a {kind} model"


def _without_sentinels(tokenizer: TokenizerSource | None) -> str:
    """Why a tokenizer has no sentinels, as the end of a message; empty where it may have some."""
    if isinstance(tokenizer, TrainedTokenizer):
        return " because it is trained"
    if tokenizer is not None and lacks_sentinels(tokenizer.pretrained):
        return f" in {tokenizer.pretrained!r}"
    return ""


def _longest_sequences(study: StudyRecords) -> dict[tuple[str, str], int]:
    """(key, model) -> tokens, special ones included, that the model reads by that key."""
    longest: dict[tuple[str, str], int] = {}
    for _, model, stage in _trainings(study):
        if (record := study.pretraining(stage)) and record.corpus in study.corpora:
            length = study.corpora[record.corpus].sequence_length + _special_tokens(study, model)
            longest[f"corpora.{record.corpus}.sequence_length", model] = length
        held_out = getattr(record, "held_out", None)
        if held_out and held_out.corpus in study.corpora:
            length = study.corpora[held_out.corpus].sequence_length + _special_tokens(study, model)
            longest[f"corpora.{held_out.corpus}.sequence_length", model] = length
    for name, _, block in study.blocks():
        table = study.tables[name]
        for chosen in {study.tasks[task].finetuning for task in table.tasks if task in study.tasks}:
            read, by = study.finetuning.get(chosen), study.models.get(block.model)
            lengths = read.lengths(by.family) if read and by else {}
            for field, length in lengths.items():
                longest[f"finetuning.{chosen}.{field}", block.model] = length
        for task in table.tasks:
            decoded = str(getattr(study.tasks.get(task), "generation", None))
            if generation := study.generation.get(decoded):
                length = generation.max_length + 2
                longest[f"generation.{decoded}.max_length", block.model] = length
    for name, training in study.networks.items():
        for field in ("classifier", "selector"):
            if part := getattr(training, field, None):
                longest[f"networks.{name}.{field}.max_length", training.model] = part.max_length
        if context := getattr(training, "context_length", None):
            length = context + _special_tokens(study, training.model)
            longest[f"networks.{name}.context_length", training.model] = length
        for field in ("source_length", "target_length"):
            if tokens := getattr(training, field, None):
                longest[f"networks.{name}.{field}", training.model] = tokens
    for name, analysis in study.variance.items():
        length = analysis.length + _special_tokens(study, analysis.model)
        longest[f"variance.{name}.length", analysis.model] = length
    return longest


def _special_tokens(study: StudyRecords, model: str) -> int:
    """How many special tokens stand around what a model reads, at least: BOS and EOS, or EOS alone
    where the tokenizer is a pre-trained one, that may be T5's.
    """
    known = study.models.get(model)
    trained = known and isinstance(study.tokenizers.get(known.tokenizer), TrainedTokenizer)
    return 2 if trained else 1
