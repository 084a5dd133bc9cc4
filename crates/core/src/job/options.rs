//! What an action's property `Options` says, once the command line's parser has read it.

use super::super::notification::Channel;
use super::super::request::Policy;
use super::Secret;

/// What the options of a job say; those that are not given have the command line's defaults.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobOptions {
    /// How to go about the deployment. The time-out and what to do on a failure are properties of their
    /// own, and count for nothing here.
    pub policy: Policy,
    /// `--external-id`: what the trust policy of the role asks for.
    pub external_id: Option<Secret>,
    /// `--notify`: where to send a notification when the deployment ends.
    pub channels: Vec<Channel>,
}

/// Reads the text of `Options`, or says what is wrong with it: the front end has the options'
/// definitions, and hands its parser down.
pub type ReadOptions = fn(&str) -> Result<JobOptions, Vec<String>>;
