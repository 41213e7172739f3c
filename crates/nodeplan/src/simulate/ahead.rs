//! Traffic some weeks after its end in the place of traffic as it was.

use super::Inputs;
use super::names::{Names, clip};
use nodeplan_io::diagnostic::{ImportError, Place};
use nodeplan_model::scenario::{Load, Series, Source};
use nodeplan_model::units::DAY_MILLIS;
use nodeplan_sim::demand::forecast::forecast;

/// Replaces the series of files that somebody takes, where a forecast is asked for.
pub(super) fn all(
    inputs: &Inputs,
    series: &mut [Series],
    loads: &[Load],
    names: &mut Names<'_>,
    assumptions: &mut Vec<String>,
) {
    let Some(weeks) = inputs.forecast_weeks else { return };
    let files: usize = inputs.traffic.iter().map(|traffic| traffic.series.len()).sum();
    if files == 0 {
        let message = "there is no traffic to forecast".to_owned();
        let fault = ImportError::new("NP1424", Place::whole("--forecast"), message);
        names.faults.push(fault.help("give a trace: --traffic FILE"));
    }
    for (at, one) in series.iter_mut().enumerate().take(files) {
        let takes =
            |source: &Source| matches!(source, Source::Series { series, .. } if *series == at);
        if !loads.iter().flat_map(|load| &load.sources).any(takes) {
            continue;
        }
        let Some(found) = forecast(one, weeks) else {
            let message = format!("traffic `{}` cannot be forecast", clip(&one.name));
            let fault = ImportError::new("NP1424", Place::whole("--forecast"), message)
                .expected("more than a day and a half, in steps that divide a day, with arrivals")
                .help("give a longer trace, or leave --forecast out");
            names.faults.push(fault);
            continue;
        };
        let season = if found.season_millis > DAY_MILLIS { "week" } else { "day" };
        let (growth, error) = (found.weekly_growth / 1000, found.error / 1000);
        assumptions.push(format!(
            "traffic `{}` is a forecast {weeks} weeks ahead: its last {season} again, times {}.{:03} \
             a week; in the test on its last third the errors add up to {}.{} % of the traffic",
            clip(&one.name),
            growth / 1000,
            growth % 1000,
            error / 10,
            error % 10,
        ));
        *one = found.series;
    }
}

/// By how much the run begins later in the week than the trace, seconds: a forecast begins whole
/// weeks after the trace ends.
pub(super) fn later(inputs: &Inputs) -> u64 {
    let first = inputs.traffic.iter().find_map(|traffic| traffic.series.first());
    let span = |one: &Series| one.step_millis.saturating_mul(one.micro_per_second.len() as u64);
    inputs.forecast_weeks.and(first).map_or(0, |one| span(one) / 1000)
}
