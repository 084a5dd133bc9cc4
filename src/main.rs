//! The `evenkeel` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    // One thread: a deployment waits for the network nearly all of its time.
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let status = runtime.block_on(evenkeel::cli::run(std::env::args_os().collect()));
            // A read of standard input that never ends must not keep the process.
            runtime.shutdown_background();
            ExitCode::from(status)
        }
        // Without timers or sockets there is nobody to tell more.
        Err(_) => ExitCode::from(70),
    }
}
