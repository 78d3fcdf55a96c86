"""What a user sees of a study: a line a job, the tables of this run, the ways on, what failed."""

import re
import shlex

UNDER_A_TABLE = "Masked: share of the corpus's tokens"  # stands once under every printed one


def test_a_job_is_a_line_with_how_far_the_study_is(finished):
    lines = re.findall(r"^\d\d:\d\d:\d\d +(\d+) of (\d+)  (.+)$", finished.output, re.MULTILINE)
    messages = [message for _, _, message in lines]
    assert "Mask facts with ssm" in messages
    assert messages[-1] == "Show the tables"
    totals = {int(total) for _, total, _ in lines}
    assert totals == {len(lines)}
    done = [int(done) for done, _, _ in lines]
    assert done == sorted(done)
    for chatter in ("Select jobs", "Finished job", "resources:", "Reason:", "Execute "):
        assert chatter not in finished.output


def test_the_end_names_site_page_costs_masks_and_report(finished):
    end = finished.output.rpartition(UNDER_A_TABLE)[2]
    assert "results/study/site/index.html" in end
    assert "results/study/tables/qa.html" in end
    assert "results/study/analysis/qa/costs.svg" in end
    assert re.search(r"maskpolicy show-masks results/study/masks/facts/bpe/\S+", end)
    report = ["--configfile", str(finished.folder / "study.yaml"), "--report", "report.zip"]
    (line,) = (line for line in end.splitlines() if "--report" in line)
    assert shlex.split(line)[-4:] == report


def test_an_unchanged_study_is_shown_again_once(finished):
    done = finished.snakemake("--cores", "1")
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).count(UNDER_A_TABLE) == 1
    assert re.search(r"0 of 1  Show the tables", done.stderr)


def test_a_table_that_this_run_did_not_look_at_is_not_shown(finished):
    arms = finished.study["tables"]["qa"]["arms"]
    finished.study["tables"]["qa"]["arms"] = arms[:2]
    try:
        target = "results/study/tasks/qa/manifest.json"
        done = finished.snakemake("--cores", "1", "--forcerun", "prepare_task", "--", target)
    finally:
        finished.study["tables"]["qa"]["arms"] = arms
    assert done.returncode == 0, done.stderr
    assert "Prepare the task qa" in done.stderr
    assert UNDER_A_TABLE not in done.stdout
    assert finished.planned() == set()


def test_what_failed_is_said_again_at_the_end(finished):
    shard = finished.results / "corpora" / "facts" / "bpe" / "shard-0.arrow"
    target = "results/study/masks/facts/bpe/rand/manifest.json"
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    try:
        done = finished.snakemake("--cores", "1", "--forcerun", "mask_corpus", "--", target)
        *_, end = done.stderr.partition("\nFailed: ")
        assert end.startswith("Mask facts with rand\n  maskpolicy: error: ")
        assert "shard-0.arrow is damaged or truncated" in end
        assert re.search(r"Its log: results/study/\S*mask_corpus\S*\.log", end)
        assert "set -euo pipefail" not in done.stderr
    finally:
        shard.write_bytes(whole)
    assert finished.snakemake("--cores", "1", "--", target).returncode == 0
    assert finished.planned() == set()
