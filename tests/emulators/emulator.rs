//! One running emulator, on a loopback port of its own.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::python::{HERE, Python};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Ministack,
    Moto,
}

/// Stops when it is dropped.
pub(crate) struct Emulator {
    url: String,
    python: Python,
    process: Child,
    _directory: TempDir,
}

/// How often a starting emulator is asked whether it answers, and how long between.
const ASKED: u32 = 600;
const PAUSE: Duration = Duration::from_millis(100);
/// Somebody else may take a port between the look and the start.
const TRIES: u32 = 3;

impl Emulator {
    /// Starts the emulator and waits until it answers.
    pub(crate) fn start(kind: Kind, python: Python) -> Self {
        let mut log = String::new();
        for _ in 0..TRIES {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("log");
            let process = command(kind, port, directory.path(), &python)
                .stdin(Stdio::null())
                .stdout(File::create(&file).unwrap())
                .stderr(File::options().append(true).open(&file).unwrap())
                .spawn()
                .unwrap();
            let url = format!("http://127.0.0.1:{port}");
            let mut emulator = Self { url, python: python.clone(), process, _directory: directory };
            if emulator.answers(kind, port) {
                return emulator;
            }
            log = fs::read_to_string(file).unwrap();
        }
        panic!("{kind:?} does not start: {log}");
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Makes a cluster, a service and the definition that it runs, and gives what is there now.
    pub(crate) fn create_world(&self) -> Value {
        self.world("create")
    }

    /// The service and every revision of its family, oldest first, as they went over the wire.
    pub(crate) fn read_world(&self) -> Value {
        self.world("read")
    }

    /// Does one of the things that `world.py` lists, with `input`.
    pub(crate) fn act(&self, what: &str, input: &str) -> Value {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), input).unwrap();
        self.script("world.py", what, file.path())
    }

    fn world(&self, what: &str) -> Value {
        self.script("world.py", what, Path::new(DEFINITION))
    }

    /// What a script of these tests prints, with this file as its input.
    pub(crate) fn script(&self, name: &str, what: &str, input: impl AsRef<Path>) -> Value {
        let script = Path::new(HERE).join(name);
        let mut command = self.python.command();
        command.arg(script).args([what, &self.url]).stdin(File::open(input).unwrap());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "another process is waited for, which no clock of ours moves"
    )]
    fn answers(&mut self, kind: Kind, port: u16) -> bool {
        for _ in 0..ASKED {
            if get(port, health(kind)).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
                return true;
            }
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(PAUSE);
        }
        false
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The definition that the service of every world runs.
pub(crate) fn definition() -> Value {
    serde_json::from_reader(File::open(DEFINITION).unwrap()).unwrap()
}

const DEFINITION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/emulators/definition.json");

fn command(kind: Kind, port: u16, directory: &Path, python: &Python) -> Command {
    let mut command = python.command();
    command.current_dir(directory).env("TMPDIR", directory).env("HOME", directory);
    match kind {
        Kind::Ministack => command
            .args(["-m", "ministack"])
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            // With a Docker daemon it would pull the images and run them.
            .env("DOCKER_HOST", format!("unix://{}/no-docker", directory.display())),
        Kind::Moto => command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]),
    };
    command
}

fn health(kind: Kind) -> &'static str {
    match kind {
        Kind::Ministack => "/_ministack/health",
        Kind::Moto => "/moto-api/data.json",
    }
}

fn get(port: u16, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
