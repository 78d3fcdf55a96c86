"""Public releases of data that sources read: what there is, where, and how it is known to be right.

Sizes and SHA-256 are those that Hugging Face's `datasets` recorded of the publishers' files (in
each `dataset_infos.json`, 2020 to 2022); of files whose URL names a commit they are those of that
commit, and the size of the dump of Wikipedia is as its users tell it. Where none was found, none
stands here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from maskpolicy.downloads import WebFile
from maskpolicy.errors import InputError, closest, did_you_mean, listed
from maskpolicy.sources.registry import licence_of


@dataclass(frozen=True)
class ReleaseFile(WebFile):
    """A file of a release; `called` where its URL doesn't end in its name."""

    called: str | None = None

    @property
    def name(self) -> str:
        """What it is called on disk."""
        return self.called or Path(urlsplit(self.url).path).name


@dataclass(frozen=True)
class Release:
    """What is published together, and the source that reads it.

    paths: the files and folders that the source's keys name, once archives are unpacked, or the
    ends of their paths; keys: what else the source must be told; note: what is to be known of it,
    and where nothing can be fetched what to do; licence: where the source, being for data of any
    origin, has none.
    """

    source: str
    page: str
    files: tuple[ReleaseFile, ...] = ()
    paths: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str | int] = field(default_factory=dict)
    note: str = ""
    licence: str = ""

    @property
    def bytes(self) -> int | None:
        """Its size, where that of every file is known."""
        sizes = [file.bytes for file in self.files if file.bytes is not None]
        return sum(sizes) if sizes and len(sizes) == len(self.files) else None


def find_release(name: str) -> Release:
    """The release of a name. Raises InputError, naming the one that may be meant."""
    if name not in RELEASES:
        meant = did_you_mean(closest(name, RELEASES))
        raise InputError(f"{name!r} is no release; one of {listed(RELEASES, len(RELEASES))}{meant}")
    return RELEASES[name]


def release_called(name: str) -> str | None:
    """The release that is called so, or nearly so; None where there is none."""
    return closest(name.replace("_", "-"), RELEASES)


def describe_releases() -> Iterator[tuple[str, str, str, str]]:
    """Each release: its name, its size, the source that reads it, and its licence."""
    for name, release in RELEASES.items():
        size = "by hand" if not release.files else _in_words(release.bytes)
        yield name, size, release.source, release.licence or licence_of(release.source)


def _in_words(size: int | None) -> str:
    if size is None:
        return "unknown"
    if size < 1e6:
        return f"{size / 1e3:,.0f} kB"
    return f"{size / 1e6:,.1f} MB" if size < 1e8 else f"{size / 1e9:,.1f} GB"


# --- where they are -------------------------------------------------------------------------------

_THREE = {"train": "train.jsonl", "dev": "dev.jsonl", "test": "test.jsonl"}

_DPR = "https://dl.fbaipublicfiles.com/dpr/data/retriever/"
_DPR_PAGE = "https://github.com/facebookresearch/DPR"


def _dpr_contexts(name: str) -> Release:
    files = {split: f"biencoder-{name}-{split}.json.gz" for split in ("train", "dev")}
    return Release(
        source="dpr-biencoder",
        page=_DPR_PAGE,
        files=tuple(ReleaseFile(_DPR + file) for file in files.values()),
        paths=files,
    )


def _dpr_questions(**paths: str) -> Release:
    return Release(
        source="dpr-qa",
        page=_DPR_PAGE,
        files=tuple(ReleaseFile(_DPR + file) for file in paths.values()),
        paths=paths,
    )


def _kilt(name: str, train: tuple[int, str], dev: tuple[int, str], note: str = "") -> Release:
    """The test files of KILT have no answers: dev stands in for them."""
    address = f"http://dl.fbaipublicfiles.com/KILT/{name}"
    return Release(
        source="kilt",
        page="https://github.com/facebookresearch/KILT",
        files=(
            ReleaseFile(f"{address}-train-kilt.jsonl", *train),
            ReleaseFile(f"{address}-dev-kilt.jsonl", *dev),
        ),
        paths={"train": f"{name}-train-kilt.jsonl", "test": f"{name}-dev-kilt.jsonl"},
        note=note,
    )


def _dont_stop(name: str) -> Release:
    address = f"https://s3-us-west-2.amazonaws.com/allennlp/dont_stop_pretraining/data/{name}/"
    return Release(
        source="dsp",
        page="https://github.com/allenai/dont-stop-pretraining",
        files=tuple(ReleaseFile(address + file) for file in _THREE.values()),
        paths=_THREE,
    )


def _classes(name: str, size: int | None = None, sha256: str | None = None) -> Release:
    """Of Zhang, Zhao and LeCun 2015."""
    return Release(
        source="class-csv",
        page="https://course.fast.ai/datasets",
        files=(ReleaseFile(f"https://s3.amazonaws.com/fast-ai-nlp/{name}_csv.tgz", size, sha256),),
        paths={"train": "train.csv", "test": "test.csv"},
    )


def _glue(file: str, size: int, sha256: str, dev: str = "dev.tsv", **columns: str | int) -> Release:
    """The test files of GLUE have no labels: dev stands in for them."""
    return Release(
        source="tsv",
        page="https://gluebenchmark.com",
        files=(ReleaseFile(f"https://dl.fbaipublicfiles.com/glue/data/{file}.zip", size, sha256),),
        paths={"train": "train.tsv", "test": dev},
        keys=columns,
    )


def _seg(name: str, train: tuple[int, str], test: tuple[int, str]) -> Release:
    commit = "9a7c6c1c993ad772d5f439d32af4899b6698ea67"
    folder = (
        f"https://raw.githubusercontent.com/songyouwei/ABSA-PyTorch/{commit}/datasets/semeval14"
    )
    files = {"train": f"{name}_Train.xml.seg", "test": f"{name}_Test_Gold.xml.seg"}
    return Release(
        source="seg",
        page="https://github.com/songyouwei/ABSA-PyTorch",
        files=(
            ReleaseFile(f"{folder}/{files['train']}", *train),
            ReleaseFile(f"{folder}/{files['test']}", *test),
        ),
        paths=files,
    )


def _wikitext(name: str, size: int, sha256: str) -> Release:
    address = f"https://s3.amazonaws.com/research.metamind.io/wikitext/{name}-raw-v1.zip"
    return Release(
        source="wikitext",
        page="https://blog.einstein.ai/the-wikitext-long-term-dependency-language-modeling-dataset",
        files=(ReleaseFile(address, size, sha256),),
        paths={"path": "wiki.train.raw"},
    )


def _c4_realnewslike() -> Release:
    """Of Raffel et al. 2020: C4 from the domains of RealNews; a size and SHA-256 a line."""
    commit = "1ddc917116b730e1859edef32896ec5c16be51d0"
    address = f"https://huggingface.co/datasets/allenai/c4/resolve/{commit}/realnewslike"
    lines = Path(__file__).with_name("c4_realnewslike.txt").read_text().splitlines()
    known = [(int(size), digest) for size, digest in map(str.split, lines)]
    return Release(
        source="own-documents",
        page="https://huggingface.co/datasets/allenai/c4",
        files=tuple(
            ReleaseFile(f"{address}/c4-train.{number:05}-of-{len(known):05}.json.gz", *facts)
            for number, facts in enumerate(known)
        ),
        paths={"path": "c4-train.*.json.gz"},
        licence="ODC-By; see https://huggingface.co/datasets/allenai/c4",
    )


_CNN_DM = "https://huggingface.co/datasets/cnn_dailymail/resolve/11343c3752184397d56efc19a8a7cceb68089318/data"
_URL_LISTS = "https://raw.githubusercontent.com/abisee/cnn-dailymail/master/url_lists"
_BRMSON = "https://raw.githubusercontent.com/brmson/dataset-factoid-webquestions/668890853388010fe6ae9a5eb035a7917b88933b/main"

RELEASES: dict[str, Release] = {
    # Ye et al. 2021
    "nq-open": Release(
        source="nq-open",
        page="https://efficientqa.github.io",
        files=(
            ReleaseFile(
                "https://raw.githubusercontent.com/google-research-datasets/natural-questions/master/nq_open/NQ-open.train.jsonl",
                8522298,
                "0c93aaf13b12f855628489665e4ef85ffb8573ad444646f11f4fabdc57a0aabf",
            ),
            ReleaseFile(
                "https://raw.githubusercontent.com/google-research-datasets/natural-questions/master/nq_open/NQ-open.dev.jsonl",
                391316,
                "f15567f38099f3615f5b8a685c0aef449c11ad90d3da3735e8d1b98115b40616",
            ),
        ),
        paths={"train": "NQ-open.train.jsonl", "test": "NQ-open.dev.jsonl"},
    ),
    "webquestions": Release(
        source="webquestions",
        page="https://worksheets.codalab.org/worksheets/0xba659fe363cb46e7a505c5b6a774dc8a",
        files=(
            ReleaseFile(
                "https://worksheets.codalab.org/rest/bundles/0x4a763f8cde224c2da592b75f29e2f5c2/contents/blob/",
                825320,
                "fb1797e4554a1b1be642388367de1379f8c0d5afc609ac171492c67f7b70cb1e",
                called="webquestions.train.json",
            ),
            ReleaseFile(
                "https://worksheets.codalab.org/rest/bundles/0xe7bac352fce7448c9ef238fb0a297ec2/contents/blob/",
                447645,
                "e3d4550e90660aaabe18458ba34b59f2624857273f375af7353273ce8b84ce6e",
                called="webquestions.test.json",
            ),
        ),
        paths={"train": "webquestions.train.json", "test": "webquestions.test.json"},
    ),
    "webquestions-brmson": Release(
        source="webquestions",
        page="https://github.com/brmson/dataset-factoid-webquestions",
        files=(
            ReleaseFile(
                f"{_BRMSON}/trainmodel.json",
                377322,
                "eef8b21e5b65697b643f3904c4f1122f077a8afdf3dc91a2058d3cf7d34baa50",
            ),
            ReleaseFile(
                f"{_BRMSON}/devtest.json",
                25148,
                "2541838645f7b8a6f24c4f409f12568b1616095f2edb6280eec924ea3df123c8",
            ),
            ReleaseFile(
                f"{_BRMSON}/val.json",
                102028,
                "eece8cddb324972d55bae4ac05eb06d728bc6e4111585509391efcff5c29e063",
            ),
            ReleaseFile(
                f"{_BRMSON}/test.json",
                274219,
                "de320953700cd08300b9bcd2e60399da43b458a1be02db3f93c40344729fed39",
            ),
        ),
        paths={"train": "trainmodel.json", "dev": "val.json", "test": "test.json"},
        note="The release's train split is trainmodel, devtest and val together.",
    ),
    "triviaqa-unfiltered": Release(
        source="triviaqa",
        page="http://nlp.cs.washington.edu/triviaqa",
        files=(
            ReleaseFile(
                "http://nlp.cs.washington.edu/triviaqa/data/triviaqa-unfiltered.tar.gz",
                632549060,
                "7f0c94207fd0a1eb7bba3d52cdfe0735c98de850b9e5aa4e75f2776ef9a531d0",
            ),
        ),
        paths={"train": "unfiltered-web-train.json", "test": "unfiltered-web-dev.json"},
        note="The test file has no answers: dev stands in for it.",
    ),
    "triviaqa-rc": Release(
        source="triviaqa",
        page="http://nlp.cs.washington.edu/triviaqa",
        files=(
            ReleaseFile(
                "http://nlp.cs.washington.edu/triviaqa/data/triviaqa-rc.tar.gz",
                2665779500,
                "ef94fac6db0541e5bb5b27020d067a8b13b1c1ffc52717e836832e02aaed87b9",
            ),
        ),
        paths={"train": "wikipedia-train.json", "test": "wikipedia-dev.json"},
        note="The test files have no answers: dev stands in for them.",
    ),
    "dpr-nq": _dpr_contexts("nq"),
    "dpr-triviaqa": _dpr_contexts("trivia"),
    "dpr-webquestions": _dpr_contexts("webquestions"),
    "dpr-qa-nq": _dpr_questions(
        train="nq-train.qa.csv", dev="nq-dev.qa.csv", test="nq-test.qa.csv"
    ),
    "dpr-qa-triviaqa": _dpr_questions(
        train="trivia-train.qa.csv.gz", dev="trivia-dev.qa.csv.gz", test="trivia-test.qa.csv.gz"
    ),
    "kilt-aidayago2": _kilt(
        "aidayago2",
        (70139831, "398231ec4ee9fd5616456d049875e51b1e0709f00ac2d74398dd4480ae5647b2"),
        (21061554, "3f5e23e1af46c8671c9870e13ced13fd517029da4963ad9ff4b834c4b42deb52"),
    ),
    "kilt-zsre": _kilt(
        "structured_zeroshot",
        (71444475, "f666359fa2b23e75d700bd1f25efd12d3bf981b1be70d8ad2d268d67e9bb3a5d"),
        (2266707, "dd120ba5b62c6499f4e79bf5bf5a908eb96b583ba9bf8c76a4535ac21c5dac8d"),
    ),
    "kilt-wow": _kilt(
        "wow",
        (48937036, "d90e9191d52670e38c340c4aa208e326bbf10f1e85ef6af9b3d3bcb98d3d30fb"),
        (2418285, "bbf98ea3841f3454e189e69829d6c03149c2e7482b3feda0ea73acf547654c7b"),
        note="Released again with 63,734 and 3,054 rows; Ye et al. 2021 had 94,577 and 3,058.",
    ),
    "kilt-nq": _kilt(
        "nq",
        (51895886, "13629ef9f0c4bb7b7b237ce08fae2334acb32a2c1bf69db2350021cad46188a4"),
        (7936566, "1bcdb150fb10504bd80b915730cde1b384c21647bcf14a4592e4e5df42cc6dfb"),
    ),
    "kilt-hotpotqa": _kilt(
        "hotpotqa",
        (52767068, "7ba73ede642336703d1235c63ecb4c20ae90c7eb19d36302bffa7eb1ec7f9153"),
        (3971321, "7f2efbc22c462eb5710e5ecd99447702e7f48203eecd4489bf32a332389d70b6"),
    ),
    "kilt-fever": _kilt(
        "fever",
        (38941824, "a42b948957680b3d316bbc9c24f3e499f0e93a3b0a8b94ca9d972d5da5758c6a"),
        (6174139, "0132fb971e4206c8bd9da3916f0f46a30ee6610394aee1738ce6cf6644592739"),
    ),
    "kilt-knowledge": Release(
        source="kilt",
        page="https://github.com/facebookresearch/KILT",
        files=(
            ReleaseFile(
                "http://dl.fbaipublicfiles.com/KILT/kilt_knowledgesource.json",
                37318876722,
                "f966d6f09c4ff91656db5c56c384f136b0c495c7083c043586b8cb1033c389a5",
            ),
        ),
        note="The contexts of all tasks of KILT: name it as a `knowledge` source of a study.",
    ),
    "cnn-dm": Release(
        source="cnn-dm",
        page="https://github.com/abisee/cnn-dailymail",
        files=(
            ReleaseFile(
                f"{_CNN_DM}/cnn_stories.tgz",
                158577824,
                "e8fbc0027e54e0a916abd9c969eb35f708ed1467d7ef4e3b17a56739d65cb200",
            ),
            ReleaseFile(
                f"{_CNN_DM}/dailymail_stories.tgz",
                375893739,
                "ad69010002210b7c406718248ee66e65868b9f6820f163aa966369878d14147e",
            ),
            ReleaseFile(
                f"{_URL_LISTS}/all_train.txt",
                46424688,
                "a5cee49f3a6c862c26ce29308236d2a99625ab6c86a43be22d5206b2790d8029",
            ),
            ReleaseFile(
                f"{_URL_LISTS}/all_val.txt",
                2433674,
                "81887e982b045083409c6ee838aede8ff4b97291605bcfb21bffc456a16991db",
            ),
            ReleaseFile(
                f"{_URL_LISTS}/all_test.txt",
                2109547,
                "c4f5efb5ec2126430a5c156efbd13d0e9c4cb490169e552c38b4a51981a009bd",
            ),
        ),
        paths={
            "train": "all_train.txt",
            "dev": "all_val.txt",
            "test": "all_test.txt",
            "stories": "*_stories/*/stories",
        },
        note="A copy of the stories that https://cs.nyu.edu/~kcho/DMQA has on Google Drive.",
    ),
    "matchsum": Release(
        source="bertsum",
        page="https://github.com/maszhongming/MatchSum",
        note="Its indices of sentences are on Google Drive: follow its README.",
    ),
    "bertsum": Release(
        source="bertsum",
        page="https://github.com/nlpyang/PreSumm",
        note="Its data are on Google Drive: follow its README, for the JSON before BERT's tokens.",
    ),
    "xsum": Release(
        source="xsum",
        page="https://github.com/EdinburghNLP/XSum/tree/master/XSum-Dataset",
        files=(
            ReleaseFile(
                "http://bollin.inf.ed.ac.uk/public/direct/XSUM-EMNLP18-Summary-Data-Original.tar.gz",
                254582292,
                "10b48aa187fc9c904b30f76ca97e2da0de8d3a1238acc26acadef93e2001af90",
            ),
            ReleaseFile(
                "https://raw.githubusercontent.com/EdinburghNLP/XSum/master/XSum-Dataset/XSum-TRAINING-DEV-TEST-SPLIT-90-5-5.json",
                2720574,
                "9c0c5d8f048a90bd68b19a34e4c30577ed270d3247b2119fa06a04ef46292068",
            ),
        ),
        paths={
            "folder": "bbc-summary-data",
            "split_ids": "XSum-TRAINING-DEV-TEST-SPLIT-90-5-5.json",
        },
    ),
    "ropes": Release(
        source="ropes",
        page="https://allenai.org/data/ropes",
        files=(
            ReleaseFile(
                "https://ropes-dataset.s3-us-west-2.amazonaws.com/train_and_dev/ropes-train-dev-v1.0.tar.gz",
                3395072,
                "ba26329832f84d8c2660de1120a1d7ff086cdf8580eabeebd721c092020763e2",
            ),
        ),
        paths={"train": "train-v1.0.json", "test": "dev-v1.0.json"},
        note="The test file has no answers, and is left out: dev stands in for it.",
    ),
    "wiqa": Release(
        source="wiqa",
        page="https://allenai.org/data/wiqa",
        files=(
            ReleaseFile(
                "https://public-aristo-processes.s3-us-west-2.amazonaws.com/wiqa_dataset_no_explanation_v2/wiqa-dataset-v2-october-2019.zip",
                5247733,
                "afdab9bc33d814576f76516017f2b39dd101f8770f3f29ab6be2846ff59efb43",
            ),
        ),
        paths=_THREE,
    ),
    "quartz": Release(
        source="quartz",
        page="https://allenai.org/data/quartz",
        files=(
            ReleaseFile(
                "https://s3-us-west-2.amazonaws.com/ai2-website/data/quartz-dataset-v1-aug2019.zip",
                497354,
                "e86ed35153c6c3fb6dc5991b6a3b520a2c154c42266cb6b4edc7ed526fa4b5a8",
            ),
        ),
        paths=_THREE,
    ),
    # Zheng et al. 2020
    "acl-arc": _dont_stop("citation_intent"),
    "scierc": _dont_stop("sciie"),
    "chemprot": _dont_stop("chemprot"),
    "scicite": Release(
        source="scicite",
        page="https://github.com/allenai/scicite",
        files=(
            ReleaseFile(
                "https://s3-us-west-2.amazonaws.com/ai2-s2-research/scicite/scicite.tar.gz",
                23189911,
                "711ece2c4e61d116c8ae5bb07e9fbb2ee9ff7bba004b4cab7fbd0ac3af499193",
            ),
        ),
        paths={split: f"scicite/{split}.jsonl" for split in ("train", "dev", "test")},
    ),
    "hyperpartisan": Release(
        source="hyperpartisan",
        page="https://pan.webis.de/semeval19/semeval19-web",
        files=(
            ReleaseFile(
                "https://zenodo.org/record/1489920/files/articles-training-byarticle-20181122.zip?download=1",
                971841,
                "62b4a71275ef2724faddc74d6ff3d782ee9898c732cd66119c7976f6f5168990",
            ),
            ReleaseFile(
                "https://zenodo.org/record/1489920/files/ground-truth-training-byarticle-20181122.zip?download=1",
                28511,
                "0c02f4c33317287758e6fbbc976cbfd7a0978923899ddf30cb9dd2cd740af43c",
            ),
        ),
        paths={
            "train": "articles-training-byarticle-20181122.xml",
            "train_truth": "ground-truth-training-byarticle-20181122.xml",
        },
    ),
    "ag-news": Release(
        source="ag-news",
        page="http://groups.di.unipi.it/~gulli/AG_corpus_of_news_articles.html",
        files=(
            ReleaseFile(
                "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv/train.csv",
                29470338,
                "76a0a2d2f92b286371fe4d4044640910a04a803fdd2538e0f3f29a5c6f6b672e",
            ),
            ReleaseFile(
                "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv/test.csv",
                1857427,
                "521465c2428ed7f02f8d6db6ffdd4b5447c1c701962353eb2c40d548c3c85699",
            ),
        ),
        paths={"train": "train.csv", "test": "test.csv"},
    ),
    "glue-cola": _glue(
        "CoLA",
        376971,
        "f212fcd832b8f7b435fb991f101abf89f96b933ab400603bf198960dfc32cbff",
        text_column=3,
        label_column=1,
    ),
    "glue-sst2": _glue(
        "SST-2",
        7439277,
        "d67e16fb55739c1b32cdce9877596db1c127dc322d93c082281f64057c16deaa",
        text_column="sentence",
        label_column="label",
    ),
    "glue-mrpc": Release(
        source="tsv",
        page="https://www.microsoft.com/en-us/download/details.aspx?id=52398",
        files=(
            ReleaseFile(
                "https://dl.fbaipublicfiles.com/senteval/senteval_data/msr_paraphrase_train.txt",
                1047044,
                "60a9b09084528f0673eedee2b69cb941920f0b8cd0eeccefc464a98768457f89",
            ),
            ReleaseFile(
                "https://dl.fbaipublicfiles.com/senteval/senteval_data/msr_paraphrase_test.txt",
                441275,
                "a04e271090879aaba6423d65b94950c089298587d9c084bf9cd7439bd785f784",
            ),
        ),
        paths={"train": "msr_paraphrase_train.txt", "test": "msr_paraphrase_test.txt"},
        keys={
            "text_column": "#1 String",
            "pair_column": "#2 String",
            "label_column": "Quality",
        },
    ),
    "glue-qqp": _glue(
        "QQP-clean",
        41696084,
        "40e7c862c04eb26ee04b67fd900e76c45c6ba8e6d8fab4f8f1f8072a1a3fbae0",
        text_column="question1",
        pair_column="question2",
        label_column="is_duplicate",
        short_lines="skip",
    ),
    "glue-stsb": _glue(
        "STS-B",
        802872,
        "e60a6393de5a8b5b9bac5020a1554b54e3691f9d600b775bd131e613ac179c85",
        text_column="sentence1",
        pair_column="sentence2",
        label_column="score",
    ),
    "glue-mnli": _glue(
        "MNLI",
        312783507,
        "e7c1d896d26ed6caf700110645df426cc2d8ebf02a5ab743d5a5c68ac1c83633",
        dev="dev_matched.tsv",
        text_column="sentence1",
        pair_column="sentence2",
        label_column="gold_label",
    ),
    "glue-qnli": _glue(
        "QNLIv2",
        10627589,
        "e634e78627a29adaecd4f955359b22bf5e70f2cbd93b493f2d624138a0c0e5f5",
        text_column="question",
        pair_column="sentence",
        label_column="label",
    ),
    "glue-rte": _glue(
        "RTE",
        697150,
        "6bf86de103ecd335f3441bd43574d23fef87ecc695977a63b82d5efb206556ee",
        text_column="sentence1",
        pair_column="sentence2",
        label_column="label",
    ),
    "glue-wnli": _glue(
        "WNLI",
        28999,
        "ae0e8e4d16f4d46d4a0a566ec7ecceccfd3fbfaa4a7a4b4e02848c0f2561ac46",
        text_column="sentence1",
        pair_column="sentence2",
        label_column="label",
    ),
    # Gu et al. 2020
    "rt-polarity": Release(
        source="rt-polarity",
        page="https://www.cs.cornell.edu/people/pabo/movie-review-data",
        files=(
            ReleaseFile(
                "https://storage.googleapis.com/seldon-datasets/sentence_polarity_v1/rt-polaritydata.tar.gz",
                487770,
                "a05befe52aafda71d458d188a1c54506a998b1308613ba76bbda2e5029409ce9",
            ),
        ),
        paths={"folder": "rt-polaritydata/rt-polaritydata"},
    ),
    "semeval14": Release(
        source="semeval14",
        page="https://alt.qcri.org/semeval2014/task4",
        note="Its XML is at META-SHARE, for those who sign in there; semeval14-restaurants-seg and"
        " semeval14-laptops-seg are aspect terms of it, without sign-in.",
    ),
    "semeval14-restaurants-seg": _seg(
        "Restaurants",
        (386645, "179e03965ad30f9c6348b5eb3ea0f285fd6952c7914489c5539ed65ffef5c66a"),
        (115810, "9492e95146e4f650da5109a2a2da4ae9e3f2440b7fccadac2100b3c2bd9dee0a"),
    ),
    "semeval14-laptops-seg": _seg(
        "Laptops",
        (271591, "fcc7574e20bc5af850d643ecaacf8f675a7c6b7979923ac5a0d571f237398a67"),
        (61851, "991c33cac376ac571564006b23e525132871fa70535992a22bda38574768ae0c"),
    ),
    "yelp-full": _classes(
        "yelp_review_full",
        196146755,
        "56006b0a17a370f1e366504b1f2c3e3754e4a3dda17d3e718a885c552869a559",
    ),
    "yelp-polarity": _classes(
        "yelp_review_polarity",
        166373201,
        "528f22e286cad085948acbc3bea7e58188416546b0e364d0ae4ca0ce666abe35",
    ),
    "amazon-full": _classes("amazon_review_full"),
    "amazon-polarity": _classes(
        "amazon_review_polarity",
        688339454,
        "d2a3ee7a214497a5d1b8eaed7c8d7ba2737de00ada3b0ec46243983efa100361",
    ),
    # corpora
    "wikipedia-2018-12-20": Release(
        source="mediawiki",
        page="https://archive.org/details/enwiki-20181220",
        files=(
            ReleaseFile(
                "https://archive.org/download/enwiki-20181220/enwiki-20181220-pages-articles.xml.bz2",
                15712882238,
            ),
        ),
        paths={"path": "enwiki-20181220-pages-articles.xml.bz2"},
    ),
    "wikitext-2": _wikitext(
        "wikitext-2",
        4721645,
        "ef7edb566e3e2b2d31b29c1fdb0c89a4cc683597484c3dc2517919c615435a11",
    ),
    "wikitext-103": _wikitext(
        "wikitext-103",
        191984949,
        "91c00ae287f0d699e18605c84afc9e45c192bc6b7797ff8837e5474655a33794",
    ),
    "c4-realnewslike": _c4_realnewslike(),
    "realnews": Release(
        source="own-documents",
        page="https://github.com/rowanz/grover/tree/master/realnews",
        licence="see https://github.com/rowanz/grover/tree/master/realnews",
        note="Ask its authors by their form; c4-realnewslike has the same domains, without one.",
    ),
    "s2orc": Release(
        source="own-documents",
        page="https://github.com/allenai/s2orc",
        licence="see https://github.com/allenai/s2orc",
        note="Ask for a key of Semantic Scholar's API, whose data sets it is one of.",
    ),
}
"""Name -> release; in the order of the papers that use them."""
