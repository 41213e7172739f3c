//! Every region parses, and the figures that anchor the product are right.

use super::*;
use nodeplan_model::problem::Problem;

fn sku<'a>(catalog: &'a Catalog, size: &str) -> &'a Sku {
    let name = format!("{SIZE_PREFIX}{size}");
    let found = catalog.skus.iter().find(|sku| sku.name == name);
    found.unwrap_or_else(|| panic!("{name} in {}", catalog.region))
}

#[test]
fn every_region_parses_and_counts_every_size_once() {
    let sizes = body(SIZES).count();
    assert!(regions().len() >= 50);
    for region in regions() {
        let catalog = catalog(&region.name).unwrap();
        let left: u32 = catalog.unusable.iter().map(|exclusion| exclusion.skus).sum();
        assert_eq!(catalog.skus.len() + left as usize, sizes, "{}", region.name);
        assert!(catalog.skus.len() >= 100, "{}", region.name);
        assert!(region.on_demand_date <= date());
        for pair in catalog.skus.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} sorted", pair[1].name);
        }
        for sku in &catalog.skus {
            assert!(sku.vcpus > 0 && sku.memory.0 > 0, "{}", sku.name);
            assert!(sku.rates.on_demand.0 > 0, "{}", sku.name);
            assert!(sku.rates.on_demand.0 <= Problem::MAX_RATE, "{}", sku.name);
        }
    }
}

/// A cell that fails to parse would read as unknown; only empty cells may.
#[test]
fn every_cell_is_empty_or_of_its_kind() {
    for line in body(SIZES) {
        let facts = Facts::of(line);
        assert_eq!(line.split('\t').count(), 11, "{line}");
        for cell in [
            facts.vcpus,
            facts.memory_mib,
            facts.gpus,
            facts.credits_per_hour,
            facts.max_data_disks,
        ] {
            assert!(cell.is_empty() || cell.parse::<u32>().is_ok(), "{line}");
        }
        assert!(["amd64", "arm64", ""].contains(&facts.arch), "{line}");
        assert!(["1", ""].contains(&facts.constrained), "{line}");
        assert!(["0", ""].contains(&facts.spot), "{line}");
        assert!(facts.retires.is_empty() || Date::parse(facts.retires).is_some());
    }
    let sizes: Vec<&str> = body(SIZES).map(|line| Facts::of(line).size).collect();
    let columns = ON_DEMAND.lines().next().unwrap().split('\t').count();
    assert_eq!(columns, regions().len() + 1);
    for (table, keys) in [(ON_DEMAND, 1), (QUOTES, 2), (RATIOS, 1)] {
        for line in body(table) {
            for cell in line.split('\t').skip(keys) {
                assert!(cell.is_empty() || billionths(cell).is_some(), "{line}");
            }
        }
    }
    for line in body(ON_DEMAND) {
        assert_eq!(line.split('\t').count(), columns, "{line}");
        assert!(sizes.contains(&line.split('\t').next().unwrap()), "{line}");
    }
    let known = regions();
    for line in body(QUOTES) {
        let cells: Vec<&str> = line.split('\t').collect();
        assert_eq!(cells.len(), 6, "{line}");
        assert!(sizes.contains(&cells[1]), "{line}");
        assert!(known.iter().any(|region| region.name == cells[0]), "{line}");
    }
}

#[test]
fn on_demand_prices_are_the_recorded_ones() {
    for (region, size, price) in [
        ("koreacentral", "D2s_v3", "0.1230"),
        ("koreacentral", "D4s_v3", "0.2460"),
        ("koreacentral", "D8s_v3", "0.4920"),
        ("koreacentral", "E8s_v4", "0.6080"),
        ("koreacentral", "E16s_v4", "1.2160"),
        ("koreacentral", "B2s", "0.0520"),
        ("eastus", "D4s_v3", "0.1920"),
        ("eastus", "B2s", "0.0416"),
        ("westeurope", "E16s_v4", "1.2160"),
        ("westeurope", "B2s", "0.0480"),
    ] {
        let catalog = catalog(region).unwrap();
        let rate = sku(&catalog, size).rates.on_demand;
        assert_eq!(rate.to_string(), price, "{size} in {region}");
    }
}

#[test]
fn facts_of_sizes_are_right() {
    let korea = catalog("koreacentral").unwrap();
    let of = |size| sku(&korea, size);
    assert_eq!(of("D4s_v3").memory, Bytes(16 << 30));
    assert_eq!(of("D4s_v3").vcpus, 4);
    assert_eq!(of("D4s_v3").sustained, None);
    for (size, sustained) in [("B2s", 400), ("B2ms", 600), ("B12ms", 2016)] {
        assert_eq!(of(size).sustained, Some(MilliCpu(sustained)), "{size}");
    }
    let europe = catalog("westeurope").unwrap();
    for (size, arch, constrained, confidential) in [
        ("D2ps_v5", Arch::Arm64, false, false),
        ("E4-2s_v5", Arch::Amd64, true, false),
        ("DC2as_v5", Arch::Amd64, false, true),
        ("D2s_v3", Arch::Amd64, false, false),
    ] {
        let sku = sku(&europe, size);
        let got = (sku.arch, sku.constrained, sku.confidential);
        assert_eq!(got, (arch, constrained, confidential), "{size}");
    }
}

#[test]
fn only_whole_gpus_count() {
    let catalog = catalog("westeurope").unwrap();
    for (size, gpus) in [
        ("NC24ads_A100_v4", 1),
        ("NC64as_T4_v3", 4),
        ("NV6ads_A10_v5", 0),
        ("NV36ads_A10_v5", 1),
        ("NV32as_v4", 0),
    ] {
        assert_eq!(sku(&catalog, size).gpus, gpus, "{size}");
    }
}

#[test]
fn recorded_quotes_win_and_estimates_are_marked() {
    let europe = catalog("westeurope").unwrap();
    let spot = sku(&europe, "A2_v2").rates.spot.unwrap();
    assert_eq!((spot.rate, spot.estimated), (UsdPerHour(15_911_000), false));
    let korea = catalog("koreacentral").unwrap();
    let rates = sku(&korea, "D4s_v3").rates;
    let spot = rates.spot.unwrap();
    assert!(spot.estimated);
    // The family's ratio 0.1848 × 0.246.
    assert_eq!(spot.rate, UsdPerHour(45_460_800));
    assert!(rates.reserved_1y.is_some_and(|rate| rate.estimated));
    assert_eq!(sku(&korea, "B2s").rates.spot, None, "B v1 has no spot");
}

#[test]
fn an_unknown_region_names_its_neighbours() {
    for (asked, nearest) in [
        ("koreacentrl", Some("koreacentral")),
        ("westeurop", Some("westeurope")),
        ("KoreaCentral", Some("koreacentral")),
        ("korea", Some("koreasouth")),
        ("mars", None),
        ("", None),
        ("size", None),
    ] {
        let error = catalog(asked).unwrap_err();
        assert_eq!(error.code(), "NP1101");
        let CatalogError::UnknownRegion { nearest: found, .. } = error;
        assert_eq!(found.first().map(String::as_str), nearest, "{asked}");
    }
}

#[test]
fn decimals_are_exact_or_refused() {
    for (text, want) in [
        ("0.0416", Some(41_600_000)),
        ("1", Some(1_000_000_000)),
        ("0.123456789", Some(123_456_789)),
        ("18446744073.709551615", Some(u64::MAX)),
        ("18446744073.709551616", None),
        ("0.1234567891", None),
        ("", None),
        (".5", None),
        ("5.", None),
        ("-1", None),
        ("1e3", None),
        ("1.2.3", None),
    ] {
        assert_eq!(billionths(text), want, "{text}");
    }
}

#[test]
fn edits_are_counted() {
    for (a, b, edits) in [("", "abc", 3), ("abc", "acb", 1), ("kitten", "sitting", 3)] {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(edit_distance(&chars(a), &chars(b)), edits, "{a} {b}");
    }
}

#[test]
fn an_unusable_size_tells_why() {
    for (region, size, why) in [
        ("koreacentral", "D4s_v3", None),
        ("koreacentral", "D2ps_v5", Some("no price in the region")),
        ("westeurope", "M8ms", Some("memory unknown")),
        ("koreacentral", "Q1", None),
        ("mars", "D4s_v3", None),
    ] {
        let name = format!("{SIZE_PREFIX}{size}");
        assert_eq!(unusable_because(region, &name), why, "{size} in {region}");
    }
    let names = size_names();
    assert_eq!(names.len(), body(SIZES).count());
    assert!(names.windows(2).all(|pair| pair[0] < pair[1]));
}
