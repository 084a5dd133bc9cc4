//! The embedded AWS on a port of this machine, and the binary as a container starts it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use evenkeel::clock::Clock;
use evenkeel_sandbox::Sandbox;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::world::Pipeline;

/// The secret access key of every worker.
pub(crate) const WORKERS_SECRET: &str = "s3cret-of-the-worker";

/// After this long a test does not wait for something slow, but for nothing.
const HANGS: Duration = Duration::from_secs(400);

/// A pipeline whose AWS is served over the network.
pub(crate) struct Served {
    pub(crate) pipeline: Pipeline,
    address: SocketAddr,
    /// Dropped with the test, which ends the server.
    _serving: oneshot::Sender<()>,
}

impl Served {
    pub(crate) fn new() -> Self {
        Self::on(Ipv4Addr::LOCALHOST.into())
    }

    /// Served on this address of the machine, on any port.
    pub(crate) fn on(address: IpAddr) -> Self {
        let (serving, ended) = oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let clock = Clock::system();
                let sandbox = Sandbox::starting_at(clock.now());
                let listener = TcpListener::bind((address, 0)).await.unwrap();
                tell.send((sandbox.clone(), clock, listener.local_addr().unwrap())).unwrap();
                tokio::select! {
                    served = sandbox.serve(listener) => served.unwrap(),
                    _ = ended => {}
                }
            });
        });
        let (sandbox, clock, address) = told.recv().unwrap();
        Self { pipeline: Pipeline::on(sandbox, clock), address, _serving: serving }
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until `is_so`, which is looked at whenever AWS was called.
    pub(crate) fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let sandbox = &self.pipeline.sandbox;
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let waited = runtime.block_on(async {
            let wait = async {
                loop {
                    let called = sandbox.called();
                    if is_so() {
                        return;
                    }
                    called.await;
                }
            };
            timeout(HANGS, wait).await
        });
        assert!(waited.is_ok(), "never: {what}");
    }

    /// `evenkeel worker`, quick to look, with these arguments besides; it logs to `log`.
    pub(crate) fn worker(&self, arguments: &[&str], log: &Path) -> Process {
        self.worker_with(arguments, &[], log)
    }

    /// The same with these variables in its environment.
    pub(crate) fn worker_with(
        &self,
        arguments: &[&str],
        environment: &[(&str, &str)],
        log: &Path,
    ) -> Process {
        let log = std::fs::File::create(log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
            .args(["worker", "--poll", "200ms"])
            .args(arguments)
            .env_clear()
            .env("AWS_ENDPOINT_URL", self.url())
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "embedded")
            .env("AWS_SECRET_ACCESS_KEY", WORKERS_SECRET)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Process(child)
    }
}

/// A process that does not outlive its test.
pub(crate) struct Process(Child);

impl Process {
    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// SIGTERM, and no waiting for what comes of it.
    pub(crate) fn tell_to_end(&self) {
        self.signal("TERM");
    }

    /// Sends the signal of this name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// SIGTERM; returns the exit status.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        self.tell_to_end();
        self.ended()
    }

    /// Waits for its end; returns the exit status.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, or it is time.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
