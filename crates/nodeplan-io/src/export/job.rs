//! A sweep as an Indexed Job of Kubernetes (`batch/v1`): every pod takes the shard of its
//! completion index. Field names and limits are those of the Kubernetes API reference.

use super::scalar::{literal, scalar};
use crate::diagnostic::{ImportError, ImportErrors, Place};

/// What the Job is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job<'a> {
    /// Name, a DNS label.
    pub name: &'a str,
    /// Image with `nodeplan` on its path.
    pub image: &'a str,
    /// Shards, which are pods.
    pub shards: u32,
    /// Cores of a pod, which are threads.
    pub cpus: u32,
    /// Memory of a pod, a Kubernetes quantity.
    pub memory: &'a str,
    /// Claim for results; none: the manifest makes one.
    pub results: Option<&'a str>,
    /// Claim that holds the inputs; none: the manifest holds them.
    pub inputs: Option<&'a str>,
    /// The matrix, as its folder holds it.
    pub matrix: &'a str,
    /// All files of the sweep, the matrix among them, by path from its folder.
    pub files: &'a [(String, Vec<u8>)],
}

/// Most bytes of keys and values of a ConfigMap.
const MOST_BYTES: usize = 1_048_576;

/// The manifest.
///
/// # Errors
/// Files that a ConfigMap cannot hold.
pub fn job(job: &Job<'_>) -> Result<String, ImportErrors> {
    let name = job.name;
    let mut text = format!(
        "# A sweep in {} shards. Start it:   kubectl create -f FILE\n\
         # Results: {name}-INDEX.jsonl in the volume `results`; put them together with\n\
         #   nodeplan sweep --merge {name}-*.jsonl -o {name}.jsonl\n\
         # A pod that starts again goes on after the last line of its shard.\n",
        job.shards
    );
    let mounts = match job.inputs {
        None => {
            let entries = entries(job.files)?;
            text.push_str(&config_map(name, &entries));
            let mut volume = format!(
                "          configMap:\n            name: {name}-inputs\n            items:\n"
            );
            for entry in &entries {
                let (key, path) = (scalar(&entry.key), scalar(&entry.path));
                volume.push_str(&format!(
                    "              - key: {key}\n                path: {path}\n"
                ));
            }
            volume
        }
        Some(claim) => {
            text.push_str(&format!("# The claim {claim} must hold the folder of the matrix.\n"));
            claimed(claim, true)
        }
    };
    if job.results.is_none() {
        text.push_str(&claim_of(name));
    }
    text.push_str(&spec(job));
    text.push_str("      volumes:\n        - name: inputs\n");
    text.push_str(&mounts);
    text.push_str("        - name: results\n");
    let own = format!("{name}-results");
    text.push_str(&claimed(job.results.unwrap_or(&own), false));
    Ok(text)
}

fn claimed(claim: &str, read_only: bool) -> String {
    let claim = scalar(claim);
    let only = if read_only { "            readOnly: true\n" } else { "" };
    format!("          persistentVolumeClaim:\n            claimName: {claim}\n{only}")
}

/// A file of a ConfigMap.
struct Entry<'a> {
    key: String,
    path: String,
    text: &'a str,
}

fn entries(files: &[(String, Vec<u8>)]) -> Result<Vec<Entry<'_>>, ImportErrors> {
    const HELP: &str = "put the folder of the matrix on a volume: --inputs-claim NAME";
    let mut faults = Vec::new();
    let mut fault = |name: &str, message: &str| {
        let fault = ImportError::new("NP1507", Place::whole(name), message);
        faults.push(fault.help(HELP));
    };
    let mut all: Vec<Entry<'_>> = Vec::new();
    for (at, (name, bytes)) in files.iter().enumerate() {
        let parts = || name.split('/').filter(|part| !matches!(*part, "" | "."));
        let path = parts().collect::<Vec<_>>().join("/");
        let outside =
            name.starts_with('/') || path.starts_with("..") || parts().any(|one| one == "..");
        if outside || path.is_empty() {
            fault(name, "the file lies outside of the folder of the matrix");
        } else if all.iter().any(|entry| entry.path == path) {
            fault(name, "two files have this name");
        } else if let Ok(text) = std::str::from_utf8(bytes) {
            all.push(Entry { key: key(at, &path), path, text });
        } else {
            fault(name, "the file is not UTF-8");
        }
    }
    let size: usize = all.iter().map(|entry| entry.key.len() + entry.text.len()).sum();
    if size > MOST_BYTES {
        let largest = all.iter().max_by_key(|entry| entry.text.len());
        let name = largest.map_or("", |entry| &entry.path);
        fault(name, &format!("the files have {size} bytes, a ConfigMap holds {MOST_BYTES}"));
    }
    if faults.is_empty() { Ok(all) } else { Err(faults) }
}

/// A key of a ConfigMap: letters, digits, `-`, `_` and `.`, at most 253 of them.
fn key(at: usize, path: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name = path.rsplit('/').next().unwrap_or_default();
    let name: String = name.chars().map(kept).take(200).collect();
    format!("f{at}-{name}")
}

fn config_map(name: &str, entries: &[Entry<'_>]) -> String {
    let mut text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}-inputs\nimmutable: true\ndata:\n"
    );
    for entry in entries {
        text.push_str(&format!("  {}: {}", scalar(&entry.key), literal(entry.text, 4)));
    }
    text.push_str("---\n");
    text
}

/// A share that all pods of the Job write to: on AKS, Azure Files.
fn claim_of(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: {name}-results\nspec:\n  \
         accessModes:\n    - ReadWriteMany\n  storageClassName: azurefile-csi\n  resources:\n    \
         requests:\n      storage: 1Gi\n---\n"
    )
}

/// The Job up to its volumes. A wrong input ends the Job, since no other try would go better; a pod
/// that a node took with it costs no try.
fn spec(job: &Job<'_>) -> String {
    let Job { name, shards, .. } = job;
    format!(
        "apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
  labels:
    app.kubernetes.io/name: nodeplan
spec:
  completionMode: Indexed
  completions: {shards}
  parallelism: {shards}
  backoffLimitPerIndex: 3
  podFailurePolicy:
    rules:
      - action: Ignore
        onPodConditions:
          - type: DisruptionTarget
            status: \"True\"
      - action: FailJob
        onExitCodes:
          containerName: nodeplan
          operator: In
          values:
            - 2
{}",
        pod(job)
    )
}

/// The template of its pods.
fn pod(job: &Job<'_>) -> String {
    let Job { name, shards, cpus, .. } = job;
    let (image, memory) = (scalar(job.image), scalar(job.memory));
    // `$(…)` would be taken for a variable.
    let matrix = scalar(&job.matrix.replace('$', "$$"));
    let amounts = format!("cpu: \"{cpus}\"\n              memory: {memory}\n");
    format!(
        "  template:
    metadata:
      labels:
        app.kubernetes.io/name: nodeplan
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        fsGroup: 65532
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: nodeplan
          image: {image}
          command:
            - nodeplan
          args:
            - sweep
            - {matrix}
            - --output
            - \"/results/{name}-$(JOB_COMPLETION_INDEX).jsonl\"
          workingDir: /inputs
          env:
            - name: NODEPLAN_SHARDS
              value: \"{shards}\"
            - name: NODEPLAN_THREADS
              value: \"{cpus}\"
          resources:
            requests:
              {amounts}            limits:
              {amounts}          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop:
                - ALL
          volumeMounts:
            - name: inputs
              mountPath: /inputs
              readOnly: true
            - name: results
              mountPath: /results
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn of(files: &[(String, Vec<u8>)]) -> Job<'_> {
        Job {
            name: "peaks",
            image: "registry.example/nodeplan:1",
            shards: 7,
            cpus: 2,
            memory: "1Gi",
            results: None,
            inputs: None,
            matrix: "m$(HOME).yaml",
            files,
        }
    }

    fn documents(text: &str) -> Vec<Value> {
        text.split("\n---\n").map(|one| serde_saphyr::from_str(one).expect("YAML")).collect()
    }

    #[test]
    fn the_manifest_has_what_an_indexed_job_needs() {
        let files =
            [("m.yaml".to_owned(), b"plans: a\n".to_vec()), ("./x/t 1.csv".to_owned(), vec![])];
        let all = documents(&job(&of(&files)).expect("small files"));
        let kinds: Vec<_> = all.iter().map(|one| one["kind"].as_str()).collect();
        assert_eq!(kinds, [Some("ConfigMap"), Some("PersistentVolumeClaim"), Some("Job")]);
        assert_eq!(all[0]["data"], json!({"f0-m.yaml": "plans: a\n", "f1-t-1.csv": ""}));
        assert_eq!(all[1]["spec"]["accessModes"], json!(["ReadWriteMany"]));
        let spec = &all[2]["spec"];
        let pod = &spec["template"]["spec"];
        let container = &pod["containers"][0];
        for (got, want) in [
            (&all[2]["apiVersion"], json!("batch/v1")),
            (&spec["completionMode"], json!("Indexed")),
            (&spec["completions"], json!(7)),
            (&spec["parallelism"], json!(7)),
            (&spec["backoffLimitPerIndex"], json!(3)),
            (&spec["podFailurePolicy"]["rules"][1]["onExitCodes"]["values"], json!([2])),
            (&pod["restartPolicy"], json!("Never")),
            (&container["args"][1], json!("m$$(HOME).yaml")),
            (&container["args"][3], json!("/results/peaks-$(JOB_COMPLETION_INDEX).jsonl")),
            (&container["env"][0], json!({"name": "NODEPLAN_SHARDS", "value": "7"})),
            (&container["resources"]["requests"], json!({"cpu": "2", "memory": "1Gi"})),
            (&container["resources"]["limits"], json!({"cpu": "2", "memory": "1Gi"})),
            (&container["securityContext"]["allowPrivilegeEscalation"], json!(false)),
            (&container["volumeMounts"][1], json!({"name": "results", "mountPath": "/results"})),
            (
                &pod["volumes"][0]["configMap"]["items"][1],
                json!({"key": "f1-t-1.csv", "path": "x/t 1.csv"}),
            ),
            (&pod["volumes"][1]["persistentVolumeClaim"], json!({"claimName": "peaks-results"})),
        ] {
            assert_eq!(*got, want);
        }
    }

    #[test]
    fn claims_take_the_place_of_what_the_manifest_would_make() {
        let files = [("../m.yaml".to_owned(), vec![0; MOST_BYTES + 1])];
        let own = Job { inputs: Some("in"), results: Some("out"), ..of(&files) };
        let all = documents(&job(&own).expect("nothing is held"));
        let volumes = &all[0]["spec"]["template"]["spec"]["volumes"];
        let inputs = json!({"claimName": "in", "readOnly": true});
        assert_eq!(volumes[0]["persistentVolumeClaim"], inputs);
        assert_eq!(volumes[1]["persistentVolumeClaim"], json!({"claimName": "out"}));
        assert_eq!(all.len(), 1);
    }

    #[test]
    fn files_that_a_config_map_cannot_hold_are_told() {
        let file = |name: &str, bytes: usize| (name.to_owned(), vec![b'x'; bytes]);
        for (files, want) in [
            (vec![file("a", MOST_BYTES - 4)], 0),
            (vec![file("a", MOST_BYTES - 3)], 1),
            (vec![file("../a", 1), file("/a", 1), file("b/../a", 1), file("..a", 1)], 4),
            (vec![file("a", 1), file("./a", 1)], 1),
            (vec![("a".to_owned(), vec![0xff])], 1),
        ] {
            let faults = entries(&files).err().unwrap_or_default();
            assert!(faults.iter().all(|one| one.code == "NP1507"));
            assert_eq!(faults.len(), want, "{:?}", faults.first());
        }
    }

    proptest! {
        #[test]
        fn any_file_comes_back(text in "([ -~]|\n|\t|\r|:|-|#|é|\u{85}|\u{feff}){0,60}\n?", name in "[a-z \"'$:]{1,9}") {
            let files = [(name, text.clone().into_bytes())];
            let all = documents(&job(&of(&files)).expect("small"));
            let data = all[0]["data"].as_object().expect("a mapping");
            prop_assert_eq!(data.values().next().and_then(Value::as_str), Some(&text[..]));
        }
    }
}
