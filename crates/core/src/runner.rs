//! Who runs a command, as far as it changes what to advise.

/// Who runs the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Runner {
    /// A step of GitHub Actions.
    GitHub,
    /// Anything else: a person, CodeBuild, CodePipeline.
    #[default]
    Other,
}
