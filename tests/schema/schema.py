#!/usr/bin/env python3
"""The shipped JSON Schema as an editor sees it: it is a valid draft-07 schema, accepts every experiment that we ship, and
points at mistakes.

schema.py SOURCE_FOLDER
"""
import copy
import pathlib
import sys

import json
import jsonschema
import yaml


def main():
    root = pathlib.Path(sys.argv[1])
    schema = json.loads((root / "configs/experiment.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    files = sorted((root / "configs/examples").glob("*.yaml")) + sorted((root / "tests/golden").glob("*.yaml"))
    assert len(files) > 5, files
    wrong = 0
    for file in files:
        experiment = yaml.safe_load(file.read_text())
        for error in validator.iter_errors(experiment):
            wrong += 1
            print(f"{file.name}: {list(error.path)}: {error.message}")
        for spoil in (lambda e: e.update(iotlb={"entires": 4}), lambda e: e.update(schema=2), lambda e: e.pop("name"),
                      lambda e: e.update(harvest={"interval": "100 parsecs"})):
            spoilt = copy.deepcopy(experiment)
            spoil(spoilt)
            if validator.is_valid(spoilt):
                wrong += 1
                print(f"{file.name}: a mistake was accepted: {spoilt}")
    print(f"{len(files)} experiments checked")
    return wrong > 0


sys.exit(main())
