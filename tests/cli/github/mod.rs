//! The GitHub action, run as GitHub's runner runs its container.

mod annotations;
mod container;
mod one_off;
mod runner;
mod scheduled;
mod steps;
mod workflow;
