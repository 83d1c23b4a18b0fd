"""One module a step: it reads from the store, makes pure calls and writes in one transaction (ingest: one a file)."""
