"""JSON Schema of the rule documents, for editors that complete keys."""

from __future__ import annotations

from typing import Any, Literal

from rules.documents import Programme, Scheme


def document_schema(kind: Literal["scheme", "programme"]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a scheme or of programme.yaml."""
    model = Scheme if kind == "scheme" else Programme
    schema = model.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
