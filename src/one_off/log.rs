//! The log of a one-off task, as it comes.

use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::log_stream::LogStream;
use evenkeel_core::ports::Logs;
use evenkeel_core::task_definition::TaskDefinition;

use super::{TaskListener, TaskNews};

/// How many pages are read at once, so that a task that logs without end does not hold up its own verdict.
const PAGES: usize = 20;

/// Reads what one container logs, from the beginning.
pub(super) struct LogFollower {
    definition: TaskDefinition,
    container: String,
    /// From where to read on.
    next: Option<String>,
    /// The log cannot be read, and that was said.
    is_closed: bool,
    /// It could not be read for a while, and that was said.
    has_lapsed: bool,
}

impl LogFollower {
    pub(super) fn new(definition: &TaskDefinition, container: &str) -> Self {
        Self {
            definition: definition.clone(),
            container: container.to_owned(),
            next: None,
            is_closed: false,
            has_lapsed: false,
        }
    }

    /// Whether more may come.
    pub(super) fn is_open(&self) -> bool {
        !self.is_closed
    }

    /// Passes on the lines that came since the last read.
    pub(super) async fn follow<E: Logs>(
        &mut self,
        ecs: &E,
        task: &str,
        runtime_id: Option<&str>,
        listen: &mut TaskListener<'_>,
    ) {
        if self.is_closed {
            return;
        }
        let Some(stream) = LogStream::of(&self.definition, &self.container, task, runtime_id) else {
            // Without a prefix the stream has a name as soon as the container has an id.
            if !LogStream::is_awslogs(&self.definition, &self.container) {
                let container = &self.container;
                let what =
                    format!("what container {container} logs is not shown: its log driver is not awslogs");
                listen(TaskNews::Warning(&what));
                self.is_closed = true;
            }
            return;
        };
        for _ in 0..PAGES {
            match ecs.log_page(&stream, self.next.as_deref()).await {
                Ok(Some(page)) => {
                    let container = self.container.as_str();
                    page.lines.iter().for_each(|line| listen(TaskNews::Logged { container, line }));
                    let is_end = page.next.is_none() || page.next == self.next;
                    self.next = page.next.or(self.next.take());
                    if is_end {
                        return;
                    }
                }
                Ok(None) => return,
                Err(failure) => return self.fail(&failure, listen),
            }
        }
    }

    /// Says why the log cannot be read: for ever, or, once, until CloudWatch Logs responds again.
    pub(super) fn fail(&mut self, failure: &Failure, listen: &mut TaskListener<'_>) {
        self.is_closed = failure.kind() != FailureKind::Unavailable;
        // Each such failure has words of its own, such as the request's id.
        if self.is_closed || !self.has_lapsed {
            let what = format!("what container {} logs cannot be read: {failure}", self.container);
            listen(TaskNews::Warning(&what));
        }
        self.has_lapsed = true;
    }
}
