//! That a deployment has ended, told to those who wait for it elsewhere.

mod channel;

pub use channel::Channel;

/// What is told, in the form that each channel needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The outcome's word, by which subscribers choose.
    pub outcome: &'static str,
    /// One line: `web in prod: deployed`.
    pub subject: String,
    /// A few lines for people.
    pub text: String,
    /// A JSON object for programs.
    pub detail: String,
    /// The ARNs that it is about.
    pub resources: Vec<String>,
}
