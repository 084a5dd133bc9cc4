//! What the worker logs, as lines of the story.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::clock::{Clock, Timestamp};

use super::super::print;

/// Tells who does what, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Commentary {
    clock: Clock,
    began: Timestamp,
}

impl Commentary {
    /// A story that begins now, and in which the worker's log is told too.
    pub(super) fn begin(clock: Clock) -> Self {
        let story = Self { clock, began: clock.now() };
        // There is one log in a process; in another story its worker would tell nothing.
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(story));
        story
    }

    /// Tells one thing.
    pub(super) fn tell(&self, who: &str, what: &str) {
        let seconds = self.clock.now().since(self.began).as_secs_f64();
        print(&format!("{seconds:5.1} s  {who:<9} {what}\n"));
    }
}

impl<S: Subscriber> Layer<S> for Commentary {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        if event.metadata().target().starts_with("evenkeel") {
            let mut message = Message::default();
            event.record(&mut message);
            self.tell("worker", &message.0);
        }
    }
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // Writing into a string does not fail.
            let _ = write!(self.0, "{value:?}");
        }
    }
}
