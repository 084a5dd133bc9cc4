//! The embedded AWS as its clients see it: through the SDK, in process and over loopback.

mod rollouts;
mod world;
