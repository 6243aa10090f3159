# Succeeds if what the lock file names is installed, and nothing else; prints the names of what it doesn't name. -r in it is refused.
import sys
from importlib.metadata import distributions

from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.utils import canonicalize_name

installed = {canonicalize_name(d.metadata["Name"]): d.version for d in distributions()}
extra, complete = set(installed) - {"pip", "setuptools", "wheel"}, True
for line in open(sys.argv[1], encoding="utf-8").read().replace("\\\n", " ").splitlines():
    line = line.split("#")[0].split(" --hash")[0].strip()
    if line.startswith(("-r", "--requirement")):
        sys.exit(sys.argv[1] + ": " + line + ": a lock file has all requirements in itself")
    if not line or line.startswith("-"):
        continue
    wanted = Requirement(line)
    if wanted.marker and not wanted.marker.evaluate():
        continue
    name = canonicalize_name(wanted.name)
    extra.discard(name)
    complete = complete and name in installed and wanted.specifier.contains(installed[name], prereleases=True)
print(*sorted(extra))
sys.exit(not complete or bool(extra))
