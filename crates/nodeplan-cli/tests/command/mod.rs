//! Runs the built command away from the caller's own settings.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The command in `folder`, with some variables set.
pub fn run_in(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nodeplan"));
    // The caller's own settings are none of a test's business.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("NODEPLAN_") || text.starts_with("CLICOLOR") {
            command.env_remove(&name);
        }
    }
    let variables = variables.iter().copied();
    command.current_dir(folder).envs(variables).args(arguments).output().expect("it runs")
}

/// A folder of one's own, gone at the end.
pub struct Folder(PathBuf);

impl Folder {
    /// An empty folder.
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("nodeplan-{name}-{}", std::process::id()));
        // One of an earlier run that was killed.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a temporary folder can be made");
        // Settings above the folder are not looked at.
        std::fs::create_dir(path.join(".git")).expect("made");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into it.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).expect("a file can be written");
    }

    /// Runs the command in it.
    pub fn run(&self, arguments: &[&str]) -> Output {
        run_in(&self.0, &[], arguments)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Standard output.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// Standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// Exit code.
pub fn code(output: &Output) -> i32 {
    output.status.code().expect("not killed")
}
