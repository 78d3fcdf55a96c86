"""Statistics of a corpus: counted over all of its shards before some policies can decide."""
