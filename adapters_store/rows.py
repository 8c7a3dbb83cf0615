"""Database rows to records and back."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from adapters_store.records import AdapterVersion, LoraConfig, Promotion

_JSON_COLUMNS = ("lora", "example_ids", "report")
_PROMOTION_COLUMNS = tuple(field.name for field in fields(Promotion))


def version_to_row(version: AdapterVersion) -> dict[str, Any]:
    """One row of `adapter_versions`; raises `ValueError` for a report with NaN in it."""
    row = asdict(version)
    return row | {name: json.dumps(row[name], allow_nan=False) for name in _JSON_COLUMNS}


def row_to_version(row: Mapping[str, Any]) -> AdapterVersion:
    """The record of one row of `adapter_versions`."""
    lora, example_ids, report = (json.loads(row[name]) for name in _JSON_COLUMNS)
    values = dict(row) | {
        "lora": LoraConfig(lora["rank"], lora["alpha"], tuple(lora["targets"])),
        "example_ids": tuple(example_ids),
        "report": report,
    }
    return AdapterVersion(**values)


def row_to_promotion(row: Mapping[str, Any]) -> Promotion:
    """The record of one row of `adapter_promotions`."""
    return Promotion(**{name: row[name] for name in _PROMOTION_COLUMNS})
