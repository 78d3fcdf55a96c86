"""The site of a study: one folder of pages, from its verdict down to single masks and predictions.

It needs no server and no network. Pages are rendered with what is always seen; larger data lies in
parts beside them, which a page loads when it is looked at.
"""
