"""Compare reading a DBLP snapshot record by record with parsing it as a whole with lxml.

python benchmarks/dblp_snapshot.py [--entries 100000]
"""

import argparse
import gzip
import subprocess
import sys
import tempfile
from itertools import chain
from pathlib import Path

LIBRARY = Path(__file__).parents[1] / "workflow" / "scripts"
MOST = 0.1  # of the memory for the whole
HEAD = '<?xml version="1.0"?>\n<!DOCTYPE dblp SYSTEM "dblp.dtd">\n<dblp>\n'
ENTRY = """<inproceedings mdate="2021-01-01" key="conf/v{place}/A{n}"><author>J&ouml;rg {n}</author>
<author>Ada L. 0001</author><title>On the {n}th &amp; last <i>matter</i> of b&auml;nds.</title>
<pages>1-8</pages><year>2020</year><crossref>conf/v{place}/2020</crossref>
<ee type="oa">https://doi.org/10.1145/{n}.1</ee><url>db/conf/v/2020.html</url></inproceedings>
"""
RECORDS = "sum(1 for _ in read_records(Path(sys.argv[1]), ('conf/v3/',)))"  # a tenth is wanted
WHOLE = "len(etree.parse(sys.argv[1], etree.XMLParser(resolve_entities=False)).getroot())"
# getrusage would include the parent's peak
CHILD = """import sys, time; from pathlib import Path; from lxml import etree
from papertune.collect.listings.dblp_snapshot import read_records
peak = lambda: int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) / 1024
before, start, count = peak(), time.perf_counter(), {work}
print(count, time.perf_counter() - start, peak() - before)"""


def measure(name: str, work: str, path: Path, entries: int) -> float:
    """Peak memory in MiB above that of the imports, in a separate process."""
    command = [sys.executable, "-c", CHILD.format(work=work), str(path)]
    done = subprocess.check_output(command, env={"PYTHONPATH": str(LIBRARY)})
    count, seconds, peak = map(float, done.split())
    print(f"{name}: {count:.0f} of {entries} kept, {entries / seconds:,.0f}/s, {peak:.1f} MiB")
    return peak


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    entries = parser.parse_args().entries
    with tempfile.TemporaryDirectory(prefix="papertune-snapshot-") as folder:
        path = Path(folder, "dblp.xml.gz")
        with gzip.open(path, "wt", encoding="latin-1", compresslevel=1) as out:
            body = (ENTRY.format(n=n, place=n % 10) for n in range(entries))
            out.writelines(chain([HEAD], body, ["</dblp>"]))
        by_record = measure("record by record", RECORDS, path, entries)
        ratio = by_record / measure("whole", WHOLE, path, entries)
    print(f"memory, record by record to whole: {ratio:.3f} × (at most {MOST} ×)")
    sys.exit(ratio > MOST)


if __name__ == "__main__":
    main()
