"""One module a step. A step reads from the store, makes pure calls and writes in one transaction (ingest: one a file)."""
