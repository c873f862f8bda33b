"""The record's JSON Schema is committed: a change of it is seen in a review."""

import json
from pathlib import Path

from posebench.results.record import SCHEMA_VERSION, record_schema

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "record.schema.json"


def test_the_committed_schema_is_that_of_the_code() -> None:
    assert json.loads(COMMITTED.read_text()) == record_schema(), "run `posebench schema > docs/record.schema.json`"


def test_the_schema_is_versioned_and_closed() -> None:
    schema = record_schema()
    assert schema["properties"]["schema_version"]["const"] == SCHEMA_VERSION
    assert schema["additionalProperties"] is False
    assert {"protocol", "lifter", "data", "run", "timing", "environment", "sequences"} <= set(schema["required"])
