//! `export`: a plan for other tools, a sweep for a cluster.

use super::matrix::load;
use super::simulate::unusable;
use crate::args::{ExportArgs, ExportTo, Global};
use crate::diagnose::Failure;
use crate::{Done, output};
use nodeplan::io::export::{self, Job};
use nodeplan::io::quantity;
use nodeplan::report::visible;

/// Runs the command.
pub fn run(global: &Global, args: &ExportArgs) -> Done {
    let text = match args.to {
        ExportTo::Design => design(args)?,
        ExportTo::K8sJob => job(global, args)?,
    };
    output::write(&text, args.output.as_deref())?;
    Ok(crate::DONE)
}

fn design(args: &ExportArgs) -> Result<String, Failure> {
    let document = super::verify::plan(&args.plan)?;
    let Some(plan) = &document.plan else {
        return Err(Failure::usage(format!("{} holds no plan", args.plan.display())));
    };
    Ok(export::design(&document.problem, plan))
}

/// Longest name: pods of the Job add their index to it, and a label holds 63 characters.
const LONGEST_NAME: usize = 52;

fn job(global: &Global, args: &ExportArgs) -> Result<String, Failure> {
    let job = &args.job;
    let Some(image) = &job.image else {
        return Err(Failure::usage("a Job runs an image, and none is named")
            .help("--image registry.example.com/nodeplan:0.1, with nodeplan on its PATH"));
    };
    let claims = [("results-claim", &job.results_claim), ("inputs-claim", &job.inputs_claim)];
    let claims = claims.iter().filter_map(|(flag, name)| Some((*flag, name.as_deref()?, 253)));
    for (flag, name, most) in [("name", job.name.as_str(), LONGEST_NAME)].into_iter().chain(claims)
    {
        let dots = most > LONGEST_NAME;
        if !named(name, dots) || name.len() > most {
            let text = format!("--{flag} `{}` is no name of Kubernetes", visible(name));
            return Err(Failure::usage(text).help(format!(
                "at most {most} lower-case letters, digits and `-`, a letter or digit at both ends"
            )));
        }
    }
    if let Err(fault) = quantity::memory(&job.memory) {
        let text = format!("--memory `{}` is no amount of memory: {fault}", visible(&job.memory));
        return Err(Failure::usage(text).help("write 512Mi or 2Gi"));
    }
    // What a pod could not run is told here.
    let loaded = load(global, &args.plan)?;
    let cells: Vec<u64> = loaded.sweep.shard(0, 1).collect();
    loaded.sweep.check(&cells).map_err(|fault| super::sweep::failed(fault, "nothing written"))?;
    let matrix = loaded.files.first().map_or("", |(name, _)| name);
    let job = Job {
        name: &job.name,
        image,
        shards: job.shards,
        cpus: job.cpus,
        memory: &job.memory,
        results: job.results_claim.as_deref(),
        inputs: job.inputs_claim.as_deref(),
        matrix,
        files: &loaded.files,
    };
    export::job(&job).map_err(unusable)
}

/// Whether this is a DNS label, or with dots a DNS subdomain.
fn named(name: &str, dots: bool) -> bool {
    let part = |part: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let ends = !part.starts_with('-') && !part.ends_with('-');
        !part.is_empty() && ends && part.chars().all(inner)
    };
    if dots { name.split('.').all(part) } else { part(name) }
}
