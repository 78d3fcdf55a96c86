"""CNN/DailyMail: stories by the hashes of URLs, and what a release lacks."""

from hashlib import sha1

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import Example
from maskpolicy.sources.cnn_dm import Seq2SeqExamples

STORY = """(CNN) A ferry sank.

Forty were saved.

@highlight

Ferry sinks

@highlight

40 saved"""


def name_of(url):
    return sha1(url.encode()).hexdigest()


@pytest.fixture
def source(tmp_path):
    """Makes the source of a list of URLs, with the stories of some of them."""

    def make(urls, stories, **fields):
        for url, story in stories.items():
            folder = tmp_path / ("cnn" if "cnn" in url else "dailymail") / "stories"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name_of(url)}.story").write_bytes(story.encode())
        (tmp_path / "train.txt").write_text("\n".join(urls))
        fields = {"train": str(tmp_path / "train.txt"), "stories": f"{tmp_path}/*/stories"} | fields
        return Seq2SeqExamples(source="cnn-dm", **fields)

    return make


def test_stories_are_found_by_their_urls_in_any_folder(source, tmp_path, capsys):
    urls = ["http://www.cnn.com/1", "http://www.dailymail.co.uk/é"]
    own = source(urls, {urls[0]: STORY, urls[1]: STORY.replace("\n", "\r\n")})
    article, highlights = "(CNN) A ferry sank.\nForty were saved.", "Ferry sinks\n40 saved"
    assert own.splits() == {
        "train": [
            Example(name_of(url), article, article, highlights, (highlights,)) for url in urls
        ]
    }
    assert own.paths() == {"train": f"{tmp_path}/train.txt", "stories": f"{tmp_path}/*/stories"}
    assert capsys.readouterr().err == ""


def test_what_a_release_lacks_is_counted(source, capsys):
    url = "http://www.cnn.com/{}".format
    stories = {url(1): STORY, url(2): "Only text.", url(3): "@highlight\n\nOnly this", url(4): ""}
    own = source([*stories, url(5), "", url(6), url(1)], stories)
    assert [example.id for example in own.splits()["train"]] == [name_of(url(1))]
    assert capsys.readouterr().err.split("train.txt: ")[1] == (
        "6 examples left out: 2 without an article; 2 without a story; 1 without highlights;"
        " 1 listed before\n"
    )


@pytest.mark.parametrize("urls", [["http://www.cnn.com/2", "http://x"], ["", ""]])
def test_a_list_without_any_story_is_an_error(source, urls):
    said = rf"train\.txt: none of {len(set(filter(None, urls)))} URLs is that of a story in .*\*"
    with pytest.raises(ArtefactError, match=said):
        source(urls, {"http://www.cnn.com/1": STORY}).splits()


def test_folders_that_are_not_there_and_text_that_is_none_are_named(source, tmp_path):
    url = "http://www.cnn.com/1"
    with pytest.raises(ArtefactError, match="no file matches"):
        source([url], {}).splits()
    with pytest.raises(ArtefactError, match=rf"{name_of(url)}\.story, line 2: not UTF-8 text"):
        source([url], {url: "A ferry\n\0"}).splits()
    (tmp_path / "train.txt").write_bytes(b"http://\xff")
    with pytest.raises(ArtefactError, match=r"train\.txt, line 1: not UTF-8"):
        Seq2SeqExamples(
            source="cnn-dm", train=f"{tmp_path}/train.txt", stories=str(tmp_path)
        ).splits()
