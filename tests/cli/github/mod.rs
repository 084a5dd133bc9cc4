//! The GitHub action, run as GitHub's runner runs its container.

mod annotations;
mod runner;
mod steps;
