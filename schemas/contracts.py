"""The JSON Schemas of events, and what one of their faults is called."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from schemas.boxes import shown
from schemas.reasons import Reason


@lru_cache
def load_schema(contract: str, version: int) -> dict[str, Any]:
    """The JSON Schema of a contract, as in schemas/json."""
    loaded: dict[str, Any] = json.loads(
        files("schemas").joinpath(f"json/{contract}-v{version}.json").read_text("utf-8")
    )
    return loaded


@lru_cache
def validator(contract: str, version: int) -> Draft202012Validator:
    """The validator of a contract. Boxes and times have checks of their own: schemas.boxes, schemas.times."""
    return Draft202012Validator(load_schema(contract, version))


def first_fault(record: dict[str, Any], contract: str, version: int) -> tuple[Reason, str] | None:
    """The first thing that is wrong with a record, a missing field before all else; None where it conforms."""
    faults = list(validator(contract, version).iter_errors(record))
    if not faults:
        return None
    fault = min(faults, key=lambda error: (error.validator != "required", list(map(str, error.absolute_path))))
    return _explain(fault)


def _explain(error: ValidationError) -> tuple[Reason, str]:
    while error.validator == "anyOf" and error.context:
        parts = [part for part in error.context if part.validator != "type" or part.validator_value != "null"]
        error = parts[0] if parts else error.context[0]
    place = "/".join(map(str, error.absolute_path)) or "the record"
    kind, value = error.validator, shown(error.instance)
    if kind == "required":
        required: Any = error.validator_value
        instance: Any = error.instance
        missing = next((name for name in required if name not in instance), "a field")
        inside = f" in {place}" if error.absolute_path else ""
        return Reason.MISSING_FIELD, f"{missing} is missing{inside}"
    rules = {
        "not": "has control characters or lone surrogates",
        "maxLength": f"has more than {error.validator_value} characters",
        "minLength": "is too short",
        "pattern": "has the wrong form",
        "type": f"must be of type {error.validator_value}",
        "enum": f"must be one of {error.validator_value}",
        "minimum": f"must be at least {error.validator_value}",
        "maximum": f"must be at most {error.validator_value}",
        "maxItems": f"has more than {error.validator_value} items",
    }
    return Reason.INVALID_FIELD, f"{place} is {value}: {rules.get(str(kind), f'fails {kind}')}"
