"""Ask what is known to be vulnerable of all that the lock and torch's own step install.

Ends with 1 where something is, with 75 where no index has answered about any package.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

OPTIONS = ("--disable-pip", "--no-deps", "-f", "json", "-r", "/dev/stdin")
UNREACHED = re.compile(r"requests\.exceptions\.\w+|Could not connect")  # of a traceback's end

# without hashes, as torch has none; their platforms stay
lines = [Path("requirements", name).read_text() for name in ("test.lock", "torch.txt")]
pins = "\n".join(re.findall(r"^\w[^\\\n]+", "\n".join(lines), re.MULTILINE))
done = subprocess.run([sys.argv[1], *OPTIONS], input=pins, capture_output=True, text=True)
if not done.stdout.strip():
    last = (done.stderr.strip().splitlines() or [""])[-1]
    print(f"nothing was audited: {last}", file=sys.stderr)
    sys.exit(75 if UNREACHED.match(last) else done.returncode or 1)
packages = json.loads(done.stdout)["dependencies"]
audited = [one for one in packages if "vulns" in one]
known = [(one, what) for one in audited for what in one["vulns"]]
print(
    f"{len(audited)} of {len(packages)} packages were audited, {len(known)} known vulnerabilities"
)
for one, what in known:
    print(f"{one['name']} {one['version']}: {what['id']}, mended in {what['fix_versions']}")
for one in packages:
    if audited and "vulns" not in one:
        print(one["skip_reason"])
sys.exit(1 if known else 0 if audited else 75)
