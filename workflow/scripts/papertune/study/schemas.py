"""The JSON schemas of the configuration, for editors: ``python -m papertune.study.schemas FOLDER``."""

import json
import sys
from pathlib import Path
from typing import Any

from papertune.study.experiment import Experiment
from papertune.study.experiment_file import Configuration


def schemas() -> dict[str, dict[str, Any]]:
    """File name → JSON schema: what the program checks, in the language that editors read."""
    return {
        f"{name}.schema.json": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **kind.model_json_schema(by_alias=True),
        }
        for name, kind in (("config", Configuration), ("experiment", Experiment))
    }


if __name__ == "__main__":
    for name, schema in schemas().items():
        Path(sys.argv[1], name).write_text(f"{json.dumps(schema, indent=1)}\n", encoding="utf-8")
