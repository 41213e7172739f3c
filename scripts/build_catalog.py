#!/usr/bin/env python3
"""Makes the embedded catalog from the collected size and price tables.

Usage: build_catalog.py SRC DEST
SRC holds skus.csv, prices.csv, regions.csv and discount_ratios.csv; DEST receives skus.tsv,
on_demand.tsv, quotes.tsv, ratios.tsv and regions.tsv. Same input, same bytes.

Left out on purpose: single values whose only source is licensed CC BY-SA (`=sc`), and regions
with fewer than a hundred on-demand prices (stray rows of one API page).
"""

import csv
import sys
from collections import Counter, defaultdict
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

PREFIX = "Standard_"
FEWEST_PRICES = 100
QUOTES = ["spot", "reserved_1y_hourly", "reserved_3y_hourly", "savings_plan_1y"]
RATIOS = [
    "spot_ratio_median",
    "reserved_1y_hourly_ratio_median",
    "reserved_3y_hourly_ratio_median",
    "savings_plan_1y_ratio_median",
]


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(path, header, lines):
    with open(path, "w", newline="\n", encoding="utf-8") as file:
        for line in [header, *lines]:
            if any("\t" in cell or "\n" in cell for cell in line):
                sys.exit(f"{path}: a cell holds a separator: {line}")
            file.write("\t".join(line) + "\n")


def short(name):
    if not name.startswith(PREFIX):
        sys.exit(f"{name} does not start with {PREFIX}")
    return name[len(PREFIX):]


def decimal(text, places):
    """The same number without trailing zeros; refuses more than `places` decimals."""
    if text == "":
        return ""
    number = Decimal(text)
    if number < 0 or number != round(number, places):
        sys.exit(f"{text} is negative or has more than {places} decimals")
    plain = format(number, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def size_line(row):
    sources = dict(item.split("=", 1) for item in row["sources"].split(";") if item)
    shared_alike = {field for field, source in sources.items() if source.split(":")[0] == "sc"}
    core = "core" in shared_alike
    vcpus = "" if core else row["vcpus"]
    memory = "" if core or "memory" in shared_alike else row["memory_mib"]
    arch = "" if core else row["arch"]
    # Whole GPUs only: a slice of one, or a count nobody may tell, offers none.
    gpus = "" if core or "gpus" in shared_alike else row["gpus"]
    slice_only = row["gpu_fraction"] and Fraction(row["gpu_fraction"]) < 1
    if not gpus or slice_only or row["series"] == "NVasv4":
        gpus = "0"
    return [
        short(row["sku"]),
        "" if core else row["family"],
        vcpus,
        memory,
        gpus,
        arch,
        row["credits_per_hour"],
        "1" if row["constrained"] == "true" else "",
        row["max_data_disks"],
        row["retirement_date"],
        "0" if row["spot_capable"] == "false" else "",
    ]


def main(source, target):
    sizes = sorted(rows(source / "skus.csv"), key=lambda row: row["sku"])
    prices = [row for row in rows(source / "prices.csv") if row["os"] == "linux"]
    if {row["currency"] for row in prices} != {"USD"}:
        sys.exit("a price is not in USD")
    counts = Counter(row["region"] for row in prices if row["on_demand"])
    regions = sorted(region for region, count in counts.items() if count >= FEWEST_PRICES)
    kept = set(regions)

    write(
        target / "skus.tsv",
        ["size", "family", "vcpus", "memory_mib", "gpus", "arch", "credits_per_hour",
         "constrained", "max_data_disks", "retires", "spot"],
        [size_line(row) for row in sizes],
    )

    on_demand = defaultdict(dict)
    dates = defaultdict(Counter)
    quotes = []
    for row in prices:
        if row["region"] not in kept:
            continue
        if row["on_demand"]:
            on_demand[row["sku"]][row["region"]] = decimal(row["on_demand"], 9)
            dates[row["region"]][row["on_demand_date"]] += 1
        quoted = [decimal(row[column], 9) for column in QUOTES]
        if any(quoted):
            quotes.append([row["region"], short(row["sku"]), *quoted])
    write(
        target / "on_demand.tsv",
        ["size", *regions],
        [[short(row["sku"]), *(on_demand[row["sku"]].get(region, "") for region in regions)]
         for row in sizes if row["sku"] in on_demand],
    )
    write(
        target / "quotes.tsv",
        ["region", "size", "spot", "reserved_1y", "reserved_3y", "savings_plan_1y"],
        sorted(quotes),
    )
    write(
        target / "ratios.tsv",
        ["family", "spot", "reserved_1y", "reserved_3y", "savings_plan_1y"],
        sorted([row["family"], *(decimal(row[column], 4) for column in RATIOS)]
               for row in rows(source / "discount_ratios.csv")),
    )
    facts = {row["region"]: row for row in rows(source / "regions.csv")}
    write(
        target / "regions.tsv",
        ["region", "display_name", "zones", "on_demand_date"],
        [[region, facts[region]["display_name"] or region,
          facts[region]["availability_zones"] or "0",
          max(dates[region].items(), key=lambda item: (item[1], item[0]))[0]]
         for region in regions],
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
