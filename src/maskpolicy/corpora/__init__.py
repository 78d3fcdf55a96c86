"""Corpora: documents, tokenizers, token shards and their annotations."""
