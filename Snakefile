# A controlled study of masking policies: from raw text to a significance-tested table.
# The default study is config.yaml; `--configfile other.yaml` replaces it as a whole.
from snakemake.utils import min_version

min_version("9.27")


include: "workflow/rules/common.smk"
include: "workflow/rules/corpora.smk"
include: "workflow/rules/tasks.smk"
include: "workflow/rules/policies.smk"
include: "workflow/rules/masks.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/results.smk"
include: "workflow/rules/analysis.smk"


rule all:
    default_target: True
    input:
        expand("<results>/tables/{table}.md", table=study.tables),
        expand("<results>/analysis/{analysis}/manifest.json", analysis=study.variance),
        [tables.figures(table) for table in study.tables],


onsuccess:
    # Only what is there: a run may have had a single file as its target.
    made = [
        table
        for table in expand(f"{study.results}/tables/{{table}}.md", table=study.tables)
        if os.path.exists(table)
    ]
    if made:
        shell("maskpolicy show-tables {made:q}")
