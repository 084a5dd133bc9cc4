//! Standard output, where the result goes: one that could not be written is an error.

use std::io::{self, ErrorKind, Write, stdout};
use std::sync::OnceLock;

use evenkeel_core::failure::{Failure, FailureKind};

use crate::output;

use super::print_error;

/// Why the result could not be written, if it could not.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Prints the result. A reader that went away is not an error of the command.
pub(super) fn print(text: &str) {
    let mut stdout = stdout();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    if let Err(error) = written.or_else(unless_closed) {
        // The first error says why.
        let _ = LOST.set(error);
    }
}

fn unless_closed(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

/// The exit status `status`, or that of a result that could not be written: the caller cannot tell from half a
/// document what the command came to.
pub(super) fn or_lost(status: u8) -> u8 {
    let Some(error) = LOST.get() else { return status };
    let failure = Failure::new(FailureKind::Unreadable, "the result could not be written to standard output")
        .because(error.to_string())
        .advice("Make room there. What the command did is done: look at the service before you run it again");
    print_error(&output::failure_text(&failure));
    if status == 0 { failure.kind().exit_status() } else { status }
}
