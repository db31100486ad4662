"""Whether pinned packages can be installed on a Python that need not be the running one, and are all that it needs.

    python constraints.py VERSION FILE REQUIREMENT...

Prints {"problems": [...]} as JSON, or {"offline": TEXT} where the index of packages cannot be read. pip evaluates markers for the Python that it
runs on, and so do some versions with the Pythons that a package accepts: both are evaluated here, for VERSION. pip is asked for wheels.
"""

import json
import re
import subprocess
import sys
import tempfile

from pip._vendor.packaging.markers import default_environment
from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.specifiers import SpecifierSet
from pip._vendor.packaging.utils import canonicalize_name

VERSION, FILE, *ROOTS = sys.argv[1:]
ENVIRONMENT = {
    **default_environment(),
    "python_version": ".".join(VERSION.split(".")[:2]),
    "python_full_version": VERSION,
    "implementation_version": VERSION,
}


def holds(requirement, extra=""):
    return requirement.marker is None or requirement.marker.evaluate({**ENVIRONMENT, "extra": extra})


def pins():
    with open(FILE) as lines:
        requirements = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    return {canonicalize_name(pin.name): f"{pin.name}{pin.specifier}" for pin in requirements if holds(pin)}


def wheels(names):
    """What pip would install of `names`, as its report has it, and what it says on the way."""
    with tempfile.TemporaryDirectory() as folder:
        report = f"{folder}/report.json"
        which = ["--only-binary=:all:", "--ignore-requires-python", "--python-version", VERSION, "--target", f"{folder}/target"]
        how = ["--dry-run", "--ignore-installed", "--no-deps", "--quiet", "--disable-pip-version-check", "--report", report]
        pip = subprocess.run(
            [sys.executable, "-I", "-m", "pip", "install", *how, *which, *names], capture_output=True, text=True
        )
        if pip.returncode:
            return {}, pip.stderr
        with open(report) as text:
            found = [entry["metadata"] for entry in json.load(text)["install"]]
        return {canonicalize_name(metadata["name"]): metadata for metadata in found}, ""


def refusing(found):
    """Packages of `found` that do not accept the Python."""
    for metadata in found.values():
        accepted = metadata.get("requires_python", "")
        if not SpecifierSet(accepted).contains(VERSION):
            yield f"{metadata['name']}=={metadata['version']} needs Python {accepted}"


def missing(found):
    """Requirements, of ROOTS and of what they need, that no package of `found` fulfils."""
    todo = [(Requirement(root), "the set-up") for root in ROOTS]
    seen = set()
    while todo:
        wanted, by = todo.pop()
        name = canonicalize_name(wanted.name)
        metadata = found.get(name)
        if metadata is None or not wanted.specifier.contains(metadata["version"], prereleases=True):
            yield f"{by} needs {wanted.name}{wanted.specifier}, pinned is {metadata and metadata['version']}"
            continue
        for extra in {"", *wanted.extras}:
            if (name, extra) not in seen:
                seen.add((name, extra))
                needs = [Requirement(text) for text in metadata.get("requires_dist", [])]
                todo += [(need, name) for need in needs if holds(need, extra)]


pinned = pins()
found, said = wheels(list(pinned.values()))
if re.search(r"Retrying \(Retry|Temporary failure in name resolution|Connection refused", said):
    print(json.dumps({"offline": said}))
else:
    print(json.dumps({"problems": [said] if said else sorted({*refusing(found), *missing(found)})}))
