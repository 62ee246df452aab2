#!/usr/bin/env python3
"""The schema of the descriptor and its parser agree.

Every descriptor that the parser takes validates; every key of the schema stands in one of them; of those that the parser
refuses, the ones that are wrong in themselves (a key, a type, a name, a range) are refused by the schema too. What only the
whole shows is not the schema's business: the codes in WHOLE.
"""

import json
import re
import sys
from pathlib import Path

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
SCHEMA = json.loads((ROOT / "src/descriptor/descriptor.schema.json").read_text())

# Findings that take more than one value to make, and texts that are no YAML or beyond a limit.
WHOLE = {
    "alias-cycle", "bad-period", "connection-to-itself", "control-character", "deployment-cycle", "duplicate-address", "duplicate-connection",
    "duplicate-device", "enclave-without-sgx", "policy-refuses", "duplicate-id", "duplicate-key", "duplicate-name", "duplicate-source", "external-by-name", "persist-on-sancus", "driver-hands-over", "deadline-without-clock", "deadline-of-two-clocks",
    "lossy-delivery", "several-documents", "simulation-refused", "too-deep", "too-large", "too-many-connections", "too-many-periods", "unconnected-module", "unknown-module", "unknown-node", "unknown-tag",
    "unsupported-encryption", "without-effect",
}


class Loader(yaml.SafeLoader):
    """YAML 1.2's core types, as editors have them: yes and no are words, and so are dates and 1:30."""


Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in [
    ("tag:yaml.org,2002:bool", r"^(?:true|false)$", "tf"),
    ("tag:yaml.org,2002:null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("tag:yaml.org,2002:int", r"^(?:[-+]?[0-9]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"^[-+]?[0-9]+\.[0-9]+$", "-+0123456789"),
    ("tag:yaml.org,2002:merge", r"^<<$", "<"),
]:
    Loader.add_implicit_resolver(tag, re.compile(pattern), list(first))
Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value, 0) if "x" in node.value else int(node.value))


def load(path):
    return yaml.load(path.read_text(encoding="utf-8-sig"), Loader)


def findings(value):
    return sorted(jsonschema.Draft7Validator(SCHEMA).iter_errors(value), key=str)


def keys_of_schema(node, found):
    if isinstance(node, dict):
        found.update(node.get("properties", {}))
        for below in node.values():
            keys_of_schema(below, found)
    elif isinstance(node, list):
        for below in node:
            keys_of_schema(below, found)


def keys_of(value, found):
    if isinstance(value, dict):
        found.update(value)
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        keys_of(below, found)


def main():
    wrong = []
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    used = set()
    good = sorted((ROOT / "tests/descriptor/good").iterdir()) + sorted((ROOT / "examples").glob("*/*.yaml"))
    for path in good:
        value = load(path)
        keys_of(value, used)
        wrong += [f"{path}: is refused: {error.json_path}: {error.message}" for error in findings(value)]
    known = set()
    keys_of_schema(SCHEMA, known)
    wrong += [f"key {key} of the schema stands in no good descriptor" for key in sorted(known - used)]

    refused = 0
    for path in sorted((ROOT / "tests/descriptor/bad").iterdir()):
        codes = re.findall(r"^# expect: \S+ (\S+)", path.read_text(errors="replace"), re.M)
        if not set(codes) - WHOLE:
            continue
        try:
            value = load(path)
        except (yaml.YAMLError, UnicodeDecodeError):
            refused += 1
            continue
        if findings(value):
            refused += 1
        else:
            wrong.append(f"{path}: is taken, and the parser finds {', '.join(codes)}")
    print(f"{len(good)} good descriptors, {refused} bad ones refused, {len(known)} keys")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong or refused < 60 else 0


sys.exit(main())
