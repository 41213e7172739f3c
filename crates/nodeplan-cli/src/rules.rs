//! From options as written to the rules of a cluster, the sizes it may use and the limits of
//! the search.

use crate::args::{MarketArgs, NodeArgs, RuleArgs, SearchArgs};
use crate::diagnose::Failure;
use nodeplan::io::addons::{Preset, daemonsets};
use nodeplan::io::catalog::{self, CatalogError};
use nodeplan::io::quantity;
use nodeplan::io::yaml::{self, AUTO_MAX_PODS, Config};
use nodeplan::model::catalog::{Arch, Catalog};
use nodeplan::model::eligibility::{Filter, Pattern};
use nodeplan::model::problem::{AddOn, Burst, Cluster, Overcommit, ReservationModel, SystemPool};
use nodeplan::model::units::{DAY_MILLIS, Date, PerMille};
use nodeplan::solve::Solver;
use nodeplan::{MAX_PODS, MAX_POOLS, Options, SizeFor, Sizing};
use std::time::Duration;

/// The region where nobody names one.
pub const DEFAULT_REGION: &str = "koreacentral";

fn invalid(flag: &str, text: &str, expected: &str) -> Failure {
    Failure::usage(format!("--{flag}: `{text}` is not {expected}"))
}

/// A share below 1 or a factor, to a thousandth.
pub fn factor(flag: &str, text: &str) -> Result<PerMille, Failure> {
    quantity::factor(text).map_err(|error| {
        let message = format!("--{flag}: `{text}` is not a number or a percentage: {error}");
        Failure::usage(message)
    })
}

/// Why the reservation model `measured` cannot serve.
pub fn not_measured(what: &str) -> Failure {
    let message = format!("--overhead measured: no measured allocatable {what}is known");
    Failure::usage(message).help(
        "write it into nodeplan.yaml, for example \
         `measured: {D4s_v3: {cpu: 3860m, memory: 11820Mi, pods: 250}}`",
    )
}

/// Leaves the sizes out whose allocatable was not measured, where the plan rests on nothing else.
pub fn only_measured(
    cluster: &Cluster,
    catalog: &Catalog,
    filter: &mut Filter,
) -> Result<(), Failure> {
    if cluster.reservation != ReservationModel::Measured {
        return Ok(());
    }
    if catalog.skus.iter().all(|sku| sku.measured.is_none()) {
        return Err(not_measured(""));
    }
    let unknown = catalog.skus.iter().filter(|sku| sku.measured.is_none());
    filter.deny.extend(unknown.map(|sku| Pattern::new(&sku.name)));
    Ok(())
}

/// A region's catalog with the allocatable measured; the flag tells that nobody named the region.
pub fn market(args: &MarketArgs, config: &Config) -> Result<(Catalog, bool), Failure> {
    let named = args.region.as_deref().or(config.region.as_deref());
    let region = named.unwrap_or(DEFAULT_REGION);
    let mut catalog = catalog::catalog(region).map_err(|error| {
        let CatalogError::UnknownRegion { nearest, .. } = &error else {
            return Failure::new(crate::INVALID, error.code(), error.to_string());
        };
        let help = match nearest.as_slice() {
            [] => {
                let known: Vec<String> = catalog::regions().into_iter().map(|r| r.name).collect();
                format!("known regions: {}", known.join(", "))
            }
            some => format!("did you mean {}?", some.join(", ")),
        };
        Failure::new(crate::INVALID, error.code(), error.to_string()).help(help)
    })?;
    for one in &config.measured {
        let mut same = catalog.skus.iter_mut().filter(|s| s.name.eq_ignore_ascii_case(&one.sku));
        if let Some(sku) = same.next() {
            sku.measured = Some(one.resources(sku));
        }
    }
    Ok((catalog, named.is_none()))
}

/// The architectures asked for, amd64 where none is.
pub fn arches(args: &MarketArgs, config: &Config) -> Result<Vec<Arch>, Failure> {
    let mut arches = if args.arch.is_empty() { config.arch.clone() } else { Vec::new() };
    for text in &args.arch {
        match text.trim().to_ascii_lowercase().as_str() {
            "amd64" => arches.push(Arch::Amd64),
            "arm64" => arches.push(Arch::Arm64),
            "any" => arches.extend([Arch::Amd64, Arch::Arm64]),
            _ => return Err(invalid("arch", text, "amd64, arm64 or any")),
        }
    }
    if arches.is_empty() {
        arches.push(Arch::Amd64);
    }
    arches.sort_unstable();
    arches.dedup();
    Ok(arches)
}

/// Which sizes may be used.
pub fn filter(args: &MarketArgs, config: &Config, catalog: &Catalog) -> Result<Filter, Failure> {
    let plan_date = match &args.plan_date {
        Some(text) => {
            Date::parse(text).ok_or_else(|| invalid("plan-date", text, "a day, YYYY-MM-DD"))?
        }
        None => catalog.date,
    };
    let patterns = |texts: &[String], else_: &[Pattern]| -> Vec<Pattern> {
        if texts.is_empty() {
            return else_.to_vec();
        }
        texts.iter().map(|text| Pattern::new(text)).collect()
    };
    Ok(Filter {
        arches: arches(args, config)?,
        plan_date,
        burstable: args.burstable,
        confidential: args.confidential,
        constrained: args.constrained,
        allow: patterns(&args.sku_allow, &config.skus),
        deny: patterns(&args.sku_deny, &config.sku_deny),
    })
}

/// The rules of the cluster; `own` are DaemonSets of the workloads file.
pub fn cluster(
    node: &NodeArgs,
    rules: &RuleArgs,
    config: &Config,
    own: Vec<AddOn>,
) -> Result<Cluster, Failure> {
    let reservation = match node.overhead.as_deref() {
        None => config.overhead.unwrap_or(ReservationModel::Aks),
        Some("aks") => ReservationModel::Aks,
        Some("aks-legacy") => ReservationModel::AksLegacy,
        Some("nap") => ReservationModel::NodeAutoProvisioning,
        Some("measured") => ReservationModel::Measured,
        Some(text) => {
            return Err(invalid("overhead", text, "aks, aks-legacy, nap or measured"));
        }
    };
    let system_pool = match rules.system_pool.as_deref() {
        None => config.system_pool.unwrap_or(SystemPool::Shared),
        Some("shared") => SystemPool::Shared,
        Some("dedicated") => SystemPool::Dedicated,
        Some("none") => SystemPool::None,
        Some(text) => return Err(invalid("system-pool", text, "shared, dedicated or none")),
    };
    let mut addons = addons(&node.addons, config.addons.as_deref())?;
    addons.extend(config.daemonsets.iter().cloned());
    addons.extend(own);
    let headroom = rules.headroom.as_deref().map(headroom).transpose()?;
    let burst = rules.burst.as_deref().map(burst).transpose()?.or(config.burst);
    let overcommit = rules.max_overcommit.as_deref().map(overcommit).transpose()?;
    let max_pods = match node.max_pods.as_deref() {
        None if !config.max_pods.is_empty() => config.max_pods.clone(),
        text => max_pods(text)?,
    };
    Ok(Cluster {
        reservation,
        os_overhead: reservation != ReservationModel::Measured,
        max_pods,
        addons,
        system_pool,
        max_pools: Some(rules.max_pools.or(config.max_pools).unwrap_or(MAX_POOLS)),
        burst: burst.unwrap_or_default(),
        overcommit: overcommit.or(config.max_overcommit).unwrap_or_default(),
        headroom: headroom.or(config.headroom).unwrap_or_default(),
        sustained_cpu: true,
        spot: spot(rules, config),
    })
}

/// Whether plans may have spot pools.
pub fn spot(rules: &RuleArgs, config: &Config) -> bool {
    rules.spot || config.spot.unwrap_or(false)
}

fn max_pods(text: Option<&str>) -> Result<Vec<u32>, Failure> {
    match text {
        None => Ok(vec![MAX_PODS]),
        Some("auto") => Ok(AUTO_MAX_PODS.to_vec()),
        Some(text) => match text.parse() {
            Ok(pods) if (10..=250).contains(&pods) => Ok(vec![pods]),
            _ => Err(invalid("max-pods", text, "a number from 10 to 250, or auto")),
        },
    }
}

/// DaemonSets of the presets named, else of those configured, else of the base set.
fn addons(names: &[String], configured: Option<&[Preset]>) -> Result<Vec<AddOn>, Failure> {
    if let (true, Some(presets)) = (names.is_empty(), configured) {
        return Ok(with_base(presets.to_vec()));
    }
    let mut presets = Vec::new();
    for name in names {
        let name = name.trim();
        match name {
            "none" if names.len() == 1 => return Ok(Vec::new()),
            "overlay" => presets.push(Preset::Base),
            _ => presets.push(Preset::from_name(name).ok_or_else(|| {
                let known: Vec<&str> = Preset::ALL.iter().map(|preset| preset.name()).collect();
                invalid("addons", name, &format!("one of {}, or none alone", known.join(", ")))
            })?),
        }
    }
    presets.push(Preset::Base);
    Ok(with_base(presets))
}

/// DaemonSets of some presets. The base set runs on every cluster: naming another adds to it.
fn with_base(mut presets: Vec<Preset>) -> Vec<AddOn> {
    if !presets.is_empty() {
        presets.push(Preset::Base);
    }
    presets.sort_unstable();
    presets.dedup();
    presets.into_iter().flat_map(daemonsets).collect()
}

/// `25%`, or `burstable=25%,guaranteed=0%,best-effort=0%`.
fn burst(text: &str) -> Result<Burst, Failure> {
    if !text.contains('=') {
        let share = share("burst", text)?;
        return Ok(Burst { guaranteed: share, burstable: share, best_effort: share });
    }
    let mut burst = Burst::default();
    for (key, value) in pairs("burst", text)? {
        let share = share("burst", value)?;
        match key.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
            "guaranteed" => burst.guaranteed = share,
            "burstable" => burst.burstable = share,
            "besteffort" => burst.best_effort = share,
            _ => {
                return Err(invalid("burst", key, "guaranteed, burstable or best-effort"));
            }
        }
    }
    Ok(burst)
}

fn headroom(text: &str) -> Result<PerMille, Failure> {
    let share = factor("headroom", text)?;
    if share.0 >= 1000 {
        return Err(invalid("headroom", text, "below 100%: write 15% or 0.15"));
    }
    Ok(share)
}

fn share(flag: &str, text: &str) -> Result<PerMille, Failure> {
    let share = factor(flag, text)?;
    if share.0 > 1000 {
        return Err(invalid(flag, text, "a share of at most 1, or 100%"));
    }
    Ok(share)
}

fn overcommit(text: &str) -> Result<Overcommit, Failure> {
    let mut bounds = Overcommit::default();
    for (key, value) in pairs("max-overcommit", text)? {
        let bound = Some(factor("max-overcommit", value)?);
        match key {
            "cpu" => bounds.cpu = bound,
            "memory" => bounds.memory = bound,
            _ => return Err(invalid("max-overcommit", key, "cpu or memory")),
        }
    }
    Ok(bounds)
}

fn pairs<'a>(flag: &str, text: &'a str) -> Result<Vec<(&'a str, &'a str)>, Failure> {
    text.split(',')
        .map(|pair| {
            let (key, value) =
                pair.split_once('=').ok_or_else(|| invalid(flag, pair, "of the form key=value"))?;
            Ok((key.trim(), value.trim()))
        })
        .collect()
}

/// The load points.
pub fn sizing(rules: &RuleArgs, config: &Config) -> Result<Sizing, Failure> {
    let size_for = match rules.size_for.as_deref() {
        None => match config.size_for {
            None | Some(yaml::SizeFor::Both) => SizeFor::Both,
            Some(yaml::SizeFor::Max) => SizeFor::Max,
            Some(yaml::SizeFor::Min) => SizeFor::Min,
        },
        Some("both") => SizeFor::Both,
        Some("max") => SizeFor::Max,
        Some("min") => SizeFor::Min,
        Some(text) => return Err(invalid("size-for", text, "max, min or both")),
    };
    let Some(text) = rules.peak_hours.as_deref() else {
        return Ok(match config.peak_millis {
            Some(peak_millis) => Sizing { size_for, peak_millis, peak_assumed: false },
            None => Sizing { size_for, ..Sizing::default() },
        });
    };
    let hours = factor("peak-hours", text)?;
    let peak_millis = u64::from(hours.0) * 3600;
    if text.contains('%') || peak_millis == 0 || peak_millis > DAY_MILLIS {
        let hours = "a number of hours above 0, at most 24";
        return Err(invalid("peak-hours", text, hours)
            .help("`--size-for min` plans the low load point alone"));
    }
    Ok(Sizing { size_for, peak_millis, peak_assumed: false })
}

/// Limits of the search.
pub fn options(search: &SearchArgs) -> Result<Options, Failure> {
    let mut options = Options::default();
    options.solve.solver = match search.solver.as_deref() {
        None | Some("cg") => Solver::ColumnGeneration,
        Some("ilp") => Solver::Ilp,
        Some(text) => return Err(invalid("solver", text, "cg or ilp")),
    };
    if let Some(work) = search.work {
        options = options.within(work);
    }
    if let Some(text) = &search.gap {
        options.solve.gap_ppm = gap_ppm(text)?;
    }
    Ok(options)
}

/// `1%` or `0.01%` in millionths.
pub fn gap_ppm(text: &str) -> Result<u64, Failure> {
    let wrong = || invalid("gap", text, "a percentage such as 1% or 0.01%");
    let number = text.trim().strip_suffix('%').ok_or_else(wrong)?;
    // `billionths` of a percent are 1e-11; a millionth is 1e-4 percent.
    let billionths = catalog::billionths(number.trim()).ok_or_else(wrong)?;
    Ok(billionths / 100_000)
}

/// `60s`, `5m`, `1h` or seconds.
pub fn time_limit(text: Option<&str>) -> Result<Option<Duration>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let text = text.trim();
    let wrong = || invalid("time-limit", text, "a time such as 60s, 5m or 1h");
    let (number, seconds) = match text.as_bytes().last() {
        Some(b's') => (&text[..text.len() - 1], 1),
        Some(b'm') => (&text[..text.len() - 1], 60),
        Some(b'h') => (&text[..text.len() - 1], 3600),
        _ => (text, 1),
    };
    let number: u64 = number.trim().parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(|all| Some(Duration::from_secs(all))).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_hold_where_no_option_is_given() {
        let text = b"peak_hours: 12\nsize_for: both\nheadroom: 10%\nmax_pools: 2\n";
        let config = nodeplan::io::yaml::config("nodeplan.yaml", text).unwrap();
        let none = RuleArgs::default();
        let found = sizing(&none, &config).unwrap();
        assert_eq!((found.peak_millis, found.peak_assumed), (12 * 3_600_000, false));
        let asked = RuleArgs { peak_hours: Some("6".to_owned()), ..RuleArgs::default() };
        assert_eq!(sizing(&asked, &config).unwrap().peak_millis, 6 * 3_600_000);
        let cluster = cluster(&NodeArgs::default(), &none, &config, Vec::new()).unwrap();
        assert_eq!((cluster.headroom, cluster.max_pools), (PerMille(100), Some(2)));
    }

    #[test]
    fn options_read_as_written() {
        for (text, ppm) in
            [("1%", Some(10_000)), ("0.01%", Some(100)), ("0%", Some(0)), ("1", None), ("x%", None)]
        {
            assert_eq!(gap_ppm(text).ok(), ppm, "{text}");
        }
        for (text, seconds) in [("60s", Some(60)), ("5m", Some(300)), ("7", Some(7)), ("m", None)] {
            let read = time_limit(Some(text)).ok().flatten();
            assert_eq!(read, seconds.map(Duration::from_secs), "{text}");
        }
        for (text, pods) in [("auto", 4), ("30", 1), ("9", 0), ("251", 0), ("x", 0)] {
            assert_eq!(max_pods(Some(text)).map_or(0, |pods| pods.len()), pods, "{text}");
        }
        for (text, burstable) in
            [("25%", Some(250)), ("burstable=50%", Some(500)), ("0.1", Some(100)), ("200%", None)]
        {
            assert_eq!(burst(text).ok().map(|burst| burst.burstable.0), burstable, "{text}");
        }
        let bounds = overcommit("cpu=4,memory=1.5").map(|b| (b.cpu, b.memory));
        assert_eq!(bounds.ok(), Some((Some(PerMille(4000)), Some(PerMille(1500)))));
    }
}
