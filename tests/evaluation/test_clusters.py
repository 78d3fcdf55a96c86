"""Numbers of clusters."""

from maskpolicy.evaluation.clusters import number_clusters


def test_examples_without_a_cluster_stand_for_themselves():
    examples = [("1", "b"), ("2", ""), ("3", "a"), ("4", "b"), ("5", ""), ("b", "")]
    assert number_clusters(examples) == [0, 1, 2, 0, 3, 4]
    assert number_clusters([("1", " "), ("2", " "), ("3", "a"), ("4", "a ")]) == [0, 1, 2, 2]
