#!/usr/bin/env python3
"""Makes the sample clusters small.csv, medium.csv and large.csv: invented web companies.

Usage: make_sample_workloads.py DEST
Shapes follow what clusters show: few large services, many small ones; CPU requests on a coarse
grid; memory log-normal per core; a third of the workloads scale. Seeded, so the same bytes come
out every time (only `random()` is used, whose stream Python keeps stable).
"""

import math
import sys
from pathlib import Path
from random import Random

HEADER = ("name,namespace,kind,min_replicas,max_replicas,cpu_request,memory_request,"
          "cpu_limit,memory_limit,hpa_cpu_target,hpa_mem_target")
# Name, workloads, namespaces, most replicas, seed.
CLUSTERS = [("small", 14, 2, 5, 11), ("medium", 160, 8, 30, 12), ("large", 2000, 40, 60, 13)]
ROLES = ["api", "web", "worker", "cache", "queue", "auth", "search", "billing", "report",
         "gateway", "stream", "index", "mail", "feed", "rules", "image"]
TEAMS = ["shop", "pay", "ship", "data", "core", "edge", "ads", "risk", "crm", "ops"]
MILLI = [10, 25, 50, 100, 100, 200, 250, 250, 500, 500, 1000, 1000, 1500, 2000, 4000, 8000]


def pick(random, choices):
    return choices[int(random.random() * len(choices))]


def normal(random):
    return math.sqrt(-2 * math.log(1 - random.random())) * math.cos(math.tau * random.random())


def cpu(milli):
    return str(milli // 1000) if milli % 1000 == 0 else f"{milli}m"


def memory(mib):
    return f"{mib // 1024}Gi" if mib % 1024 == 0 else f"{mib}Mi"


def row(random, index, namespaces, cap):
    team = TEAMS[index % namespaces % len(TEAMS)]
    number = index % namespaces // len(TEAMS)
    namespace = f"{team}{number + 1}" if number else team
    name = f"{pick(random, ROLES)}-{index:04d}"
    kind = "StatefulSet" if random.random() < 0.12 else "Deployment"
    milli = pick(random, MILLI)
    per_core = math.exp(math.log(2600) + 0.7 * normal(random))
    mib = max(32, round(milli * per_core / 1000 / 16) * 16)
    mib = min(mib, 96 * 1024)
    # Replicas by Zipf's law, most of them a handful.
    replicas = max(1, min(cap, round(2 / (0.03 + random.random()))))
    scales = kind == "Deployment" and random.random() < 0.35
    most = replicas * (2 + int(random.random() * 3)) if scales else replicas
    by_memory = scales and random.random() < 0.15
    target = f"{50 + 5 * int(random.random() * 8)}%" if scales else ""
    guaranteed = random.random() < 0.15
    cpu_limit = cpu(milli) if guaranteed else ""
    if not guaranteed and random.random() < 0.5:
        cpu_limit = cpu(milli * (2 + int(random.random() * 3)))
    memory_limit = memory(mib) if guaranteed else memory(mib * pick(random, [1, 2, 2, 3]))
    if not guaranteed and random.random() < 0.1:
        memory_limit = ""
    return ",".join([name, namespace, kind, str(replicas), str(most), cpu(milli), memory(mib),
                     cpu_limit, memory_limit, "" if by_memory else target,
                     target if by_memory else ""])


def main(target):
    for name, count, namespaces, cap, seed in CLUSTERS:
        random = Random(seed)
        lines = [HEADER] + [row(random, index, namespaces, cap) for index in range(count)]
        text = "\n".join(lines) + "\n"
        (target / f"{name}.csv").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
