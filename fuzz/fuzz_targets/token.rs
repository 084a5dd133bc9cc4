//! Any text as a continuation token.
//!
//! What is read is written again, and what is written comes back as it was.

#![no_main]

use evenkeel_core::checkpoint::{Checkpoint, MAX_TOKEN};
use evenkeel_core::deployment::Phase;
use evenkeel_core::failure::FailureKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Checkpoint::parse(text) {
        Ok(read) => write_again(text, &read),
        Err(refused) => assert_eq!(refused.failure().kind(), FailureKind::InvalidInput),
    }
});

fn write_again(text: &str, read: &Checkpoint) {
    assert!(text.len() <= MAX_TOKEN);
    let written = match read.token() {
        Ok(written) => written,
        // A foreign token may share beginnings that Evenkeel writes out: its own always fit again.
        Err(refused) => return assert_eq!(refused.kind(), FailureKind::InvalidInput),
    };
    assert!(written.len() <= MAX_TOKEN);
    let again = Checkpoint::parse(&written).expect("what was written is read");
    assert_eq!(again.token().expect("what fitted fits again"), written);
    assert_eq!(again, cut_like(read.clone(), &again));
}

/// `whole` with its reasons cut as they are in `cut`: that is all that a token leaves out.
fn cut_like(mut whole: Checkpoint, cut: &Checkpoint) -> Checkpoint {
    for (whole, cut) in whole.services.iter_mut().zip(&cut.services) {
        if let (Some(whole), Some(cut)) = (reason(&mut whole.phase), reason(&mut cut.phase.clone()))
            && whole.starts_with(&*cut)
        {
            whole.clone_from(cut);
        }
    }
    whole
}

fn reason(phase: &mut Phase) -> Option<&mut String> {
    match phase {
        Phase::Pending | Phase::Registered(_) | Phase::RollingOut { .. } => None,
        Phase::Undoing { why, .. } | Phase::RollingBack { why, .. } => Some(&mut why.reason),
        Phase::Done(ending) => Some(&mut ending.reason),
    }
}
