//! The worker: takes the jobs of the custom action, deploys, and answers each exactly once.
