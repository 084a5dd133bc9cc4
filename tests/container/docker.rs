//! The Docker engine's command line, and the image that `tests/container/run` builds and names in
//! `EVENKEEL_IMAGE`.

use std::io::Write;
use std::net::IpAddr;
use std::process::Command;

/// The image that is to be run; without one it is said that the test is skipped.
#[expect(clippy::disallowed_methods, reason = "whoever built the image tells its name to this process")]
pub(crate) fn image() -> Option<String> {
    let image = std::env::var("EVENKEEL_IMAGE").ok();
    if image.is_none() {
        let skipped = "skipped: EVENKEEL_IMAGE names no image; tests/container/run builds one";
        // Past the harness, which shows only what a test that failed has printed.
        let _ = writeln!(std::io::stderr(), "{skipped}");
    }
    image
}

/// Runs a command of the engine; returns what it prints.
pub(crate) fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A network of its own, whose gateway is this machine. Its containers are dropped before it.
pub(crate) struct Network(pub(crate) String);

impl Network {
    /// `name` is for whoever looks; it is made unique.
    pub(crate) fn create(name: &str) -> Self {
        let network = Self(format!("evenkeel-{name}-{}", std::process::id()));
        docker(&["network", "create", &network.0]);
        network
    }

    pub(crate) fn gateway(&self) -> IpAddr {
        let gateway = "{{(index .IPAM.Config 0).Gateway}}";
        docker(&["network", "inspect", "--format", gateway, &self.0]).parse().unwrap()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["network", "rm", &self.0]).output();
    }
}
