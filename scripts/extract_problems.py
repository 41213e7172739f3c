#!/usr/bin/env python3
"""Takes the packing problems we may ship out of the collected ones.

Usage: extract_problems.py SRC DEST
SRC holds packing/ and workloads/; DEST receives ibm.csv and manifests.csv (instances with free
licences, picked by name) and the generated toy and synthetic problems as they are.
"""

import sys
from pathlib import Path

PICKED = {
    "ibm.csv": ["ibm_minscale_a", "ibm_all_a"],
    "manifests.csv": ["online_boutique", "kube_prometheus"],
}
WHOLE = ["toy5.csv", "skus_toy5.csv", "synth_30x1k.csv", "synth_100x10k.csv"]


def main(source, target):
    header, *lines = (source / "workloads/instances_dev.csv").read_text().splitlines()
    for name, instances in PICKED.items():
        kept = [line for line in lines if line.split(",", 1)[0] in instances]
        (target / name).write_text("\n".join([header, *kept]) + "\n", newline="\n")
    for name in WHOLE:
        text = (source / "packing" / name).read_text()
        (target / name).write_text(text.rstrip("\n") + "\n", newline="\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
