//! What the containers of a one-off task write.

use evenkeel_core::timestamp::Timestamp;

use super::task::Task;
use crate::ecs::task;

impl Task {
    /// What a container has written by now: each line with its time.
    pub(in crate::ecs) fn written(&self, container: &str, now: Timestamp) -> Vec<(Timestamp, String)> {
        let (course, watched) = (self.course(now), self.plan.watched);
        let is_watched = self.plan.containers[watched].name == container;
        let Some(started) = course.started.filter(|_| is_watched) else { return Vec::new() };
        let until = course.exits[watched].map_or(now, |exit| exit.at.min(now));
        let lines = self.plan.log.iter().map(|(after, line)| (started.plus(*after), line.clone()));
        lines.take_while(|(at, _)| *at <= until).collect()
    }

    /// The id that the container runtime gives a container.
    pub(in crate::ecs) fn runtime_id(&self, container: &str) -> String {
        task::runtime_id(&self.id, container, &self.capacity.launch_type)
    }
}
