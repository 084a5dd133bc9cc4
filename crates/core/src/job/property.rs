//! The properties that the custom action can be configured with.

use crate::words::words;

words! {
    /// A property of the custom action: part of the contract, pipelines spell them.
    ///
    /// The first four are those of AWS's own ECS action, so that a pipeline moves over by changing owner
    /// and provider. They are shown in this order. An action type has ten at most (AWS CodePipeline API
    /// reference, `CreateCustomActionType`).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Property {
        /// The cluster.
        ClusterName = "ClusterName",
        /// The services.
        ServiceName = "ServiceName",
        /// The file to look for in the input artifact.
        FileName = "FileName",
        /// How long a rollout may take.
        DeploymentTimeout = "DeploymentTimeout",
        /// What to do when a rollout fails.
        OnFailure = "OnFailure",
        /// Where to keep records.
        Record = "Record",
        /// The role to assume.
        RoleArn = "RoleArn",
        /// The container that `imageDetail.json` is for.
        ContainerName = "ContainerName",
        /// Images that are given without an artifact.
        Images = "Images",
        /// Options of the deploy command that no property stands for.
        Options = "Options",
    }
}

impl Property {
    /// Its name in a pipeline.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.as_str()
    }

    /// What the console says of it: 160 characters at most (AWS CodePipeline API reference,
    /// `ActionConfigurationProperty`).
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::ClusterName => "The ECS cluster: its name or its ARN",
            Self::ServiceName => "The ECS service: its name or its ARN; several are separated by commas",
            Self::FileName => {
                "The image definitions file in the input artifact, or imageDetail.json \
                 [default: imagedefinitions.json]"
            }
            Self::DeploymentTimeout => {
                "How many minutes a rollout may take, 1 to 1410; a rollback may take as long again [default: 30]"
            }
            Self::OnFailure => "What to do when a rollout fails: rollback or leave [default: rollback]",
            Self::Record => {
                "Where to record the deployment, as ssm:/deploy/{service}/record; several places are separated by commas"
            }
            Self::RoleArn => "The ARN of a role to assume for ECS, the record and notifications",
            Self::ContainerName => "The container that gets the image of imageDetail.json",
            Self::Images => {
                "The images to deploy without an artifact: container=uri, several separated by commas"
            }
            Self::Options => {
                "More options of the command evenkeel deploy in one line, as --skip-verify --placement-grace 15m"
            }
        }
    }

    /// Whether a pipeline must give it.
    #[must_use]
    pub fn is_required(self) -> bool {
        matches!(self, Self::ClusterName | Self::ServiceName)
    }

    /// Whether it tells what the action is about.
    #[must_use]
    pub fn is_key(self) -> bool {
        self.is_required()
    }

    /// Whether CodePipeline is to hide it. None is: whoever may see the pipeline may see where it
    /// deploys.
    #[must_use]
    pub fn is_secret(self) -> bool {
        false
    }
}
