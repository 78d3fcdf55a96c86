"""Sources: one module a published format, each yielding documents, examples, or both."""
