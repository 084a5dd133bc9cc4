//! A private Python environment that holds the emulators.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of these tests.
pub(crate) const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/emulators");

/// An interpreter that can import what `requirements.txt` names.
#[derive(Clone)]
pub(crate) struct Python {
    program: PathBuf,
}

impl Python {
    /// Installs the emulators under `target/emulators`, once for each content of `requirements.txt`.
    ///
    /// # Errors
    /// A sentence, when there is no Python or the packages cannot be had.
    pub(crate) fn with_emulators() -> Result<Self, String> {
        let requirements = Path::new(HERE).join("requirements.txt");
        let wanted = fs::read_to_string(&requirements).unwrap();
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("emulators");
        let (environment, installed) = (home.join("venv"), home.join("installed.txt"));
        let program = environment.join("bin/python");
        fs::create_dir_all(&home).unwrap();

        // Every test may come here at the same time, from processes of their own too.
        let lock = File::create(home.join("lock")).unwrap();
        lock.lock().unwrap();
        if fs::read_to_string(&installed).ok() != Some(wanted.clone()) {
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(environment))?;
            run(Command::new(&program)
                .args(["-m", "pip", "install", "--quiet", "--requirement"])
                .arg(requirements))?;
            fs::write(installed, wanted).unwrap();
        }
        Ok(Self { program })
    }

    /// A command that runs this Python with none of its user's settings.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("-I");
        command
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?} cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
