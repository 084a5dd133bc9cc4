//! The custom action type: its name, and what CodePipeline is to know of it.
//!
//! Facts are from the AWS CodePipeline API reference (`CreateCustomActionType`), its user guide
//! ("Create and add a custom action", "Quotas") and the service model.

use std::fmt;

use super::super::console;
use super::super::failure::Failure;
use super::super::quote::quoted;
use super::super::request::{has_only, is_label};
use super::Property;
use crate::words::{text, words};

/// Which custom action type: of the owner `Custom`, which CodePipeline assigns.
///
/// A type cannot be changed once it is made: what changes its properties is another version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionType {
    /// The category.
    pub category: Category,
    /// The provider.
    pub provider: Provider,
    /// The version.
    pub version: ActionVersion,
}

impl ActionType {
    /// What CodePipeline is to know of it. The console's links lead to `region`, or without one to the
    /// Region that the user was in last.
    ///
    /// # Errors
    /// [`Failure::usage`] if `region` cannot be a Region's name.
    pub fn definition(&self, region: Option<&str>) -> Result<Definition, Failure> {
        if let Some(region) = region.filter(|region| !is_label(region)) {
            let what = format!("{} is not a Region", quoted(region));
            return Err(Failure::usage(what).advice("Give a Region such as eu-west-1"));
        }
        Ok(Definition {
            action_type: self.clone(),
            settings: ConsoleLinks::of(region),
            inputs: ArtifactCount { minimum: 0, maximum: 1 },
            outputs: ArtifactCount { minimum: 0, maximum: 1 },
        })
    }
}

impl Default for ActionType {
    /// Evenkeel's own: of the category Deploy, version 1.
    fn default() -> Self {
        Self {
            category: Category::Deploy,
            provider: Provider("Evenkeel".to_owned()),
            version: ActionVersion("1".to_owned()),
        }
    }
}

impl fmt::Display for ActionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Custom/{}/{}/{}", self.category, self.provider, self.version)
    }
}

words! {
    /// The stage that an action belongs into, of the categories in which custom actions can be.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Category {
        /// Building.
        Build = "Build",
        /// Deploying.
        Deploy = "Deploy",
        /// Testing.
        Test = "Test",
        /// Calling something.
        Invoke = "Invoke",
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $max:literal) => {
        text!($(#[$doc])* $type);

        impl $type {
            /// Takes it as it stands.
            ///
            /// # Errors
            /// [`Failure::usage`] for what CodePipeline would refuse.
            pub fn parse(text: &str) -> Result<Self, Failure> {
                let is_sound = has_only(text, $max, "-_");
                is_sound.then(|| Self(text.to_owned())).ok_or_else(|| {
                    let text = quoted(text);
                    Failure::usage(format!("{text} is not the {} of a custom action type", $what))
                        .because(concat!("it has 1 to ", $max, " letters, digits, hyphens and underscores"))
                        .advice(concat!("Give another ", $what))
                })
            }
        }
    };
}

name!(
    /// The name of who offers an action: 1 to 25 letters, digits, hyphens and underscores.
    ///
    /// The service model has 35 characters, and the quotas 25: what both allow is taken.
    Provider,
    "provider",
    25
);
name!(
    /// The version of an action type: 1 to 9 letters, digits, hyphens and underscores.
    ActionVersion,
    "version",
    9
);

/// What CodePipeline is to know of an action type. Its properties are [`Property::ALL`].
///
/// None of them is queryable: its value could have 20 characters at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Which it is.
    pub action_type: ActionType,
    /// Where its links lead.
    pub settings: ConsoleLinks,
    /// How many input artifacts it takes: none where the images are given by [`Property::Images`].
    pub inputs: ArtifactCount,
    /// How many output artifacts it makes.
    pub outputs: ArtifactCount,
}

/// Where the links lead that the console shows at an action; templates of 1 to 2048 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleLinks {
    /// To what the action works on: the cluster's services. A cluster that is configured by its ARN is
    /// not found by it.
    pub entity_url: String,
    /// To what the action does: the deployments of its service, from
    /// [`external_id`](super::JobConfiguration::external_id).
    pub execution_url: String,
}

impl ConsoleLinks {
    fn of(region: Option<&str>) -> Self {
        let (console, query) = match region {
            Some(region) => (format!("{region}.{}", console::host(region)), format!("?region={region}")),
            None => (console::host("").to_owned(), String::new()),
        };
        let clusters = format!("https://{console}/ecs/v2/clusters");
        Self {
            // Only a property that is required and not secret can stand in a template.
            entity_url: format!("{clusters}/{{Config:{}}}/services{query}", Property::ClusterName),
            execution_url: format!("{clusters}/{{ExternalExecutionId}}{query}"),
        }
    }
}

/// How many artifacts an action has; CodePipeline allows 5 at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArtifactCount {
    /// At least.
    pub minimum: u8,
    /// At most.
    pub maximum: u8,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;

    fn action_type() -> ActionType {
        ActionType::default()
    }

    #[test]
    fn a_provider_has_25_characters_and_a_version_9() {
        for text in ["E", "Even_keel-2", &"x".repeat(25)] {
            assert_eq!(Provider::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "Even keel", "Evenkeel/1", "größe", &"x".repeat(26)] {
            assert_eq!(Provider::parse(text).unwrap_err().kind(), FailureKind::Usage, "{text}");
        }
        assert_eq!(ActionVersion::parse("123456789").unwrap().as_str(), "123456789");
        assert_eq!(
            ActionVersion::parse("1.0").unwrap_err().to_string(),
            "\"1.0\" is not the version of a custom action type: it has 1 to 9 letters, digits, hyphens and \
             underscores. Give another version"
        );
        assert!(ActionVersion::parse("1234567890").is_err());
        assert_eq!(action_type().to_string(), "Custom/Deploy/Evenkeel/1");
    }

    #[test]
    fn the_properties_are_within_codepipeline_s_limits() {
        assert!(Property::ALL.len() <= 10);
        for property in Property::ALL {
            let (name, description) = (property.name(), property.description());
            assert!((1..=50).contains(&name.len()), "{name}");
            assert!((1..=160).contains(&description.chars().count()), "{name}: {}", description.len());
        }
        // As AWS's own action spells them.
        let first = Property::ALL.map(Property::name).into_iter().take(4);
        assert!(first.eq(["ClusterName", "ServiceName", "FileName", "DeploymentTimeout"]));
    }

    #[test]
    fn the_links_lead_to_the_region_s_console() {
        let settings = |region| action_type().definition(region).unwrap().settings;
        assert_eq!(
            settings(None),
            ConsoleLinks {
                entity_url: "https://console.aws.amazon.com/ecs/v2/clusters/{Config:ClusterName}/services"
                    .to_owned(),
                execution_url: "https://console.aws.amazon.com/ecs/v2/clusters/{ExternalExecutionId}"
                    .to_owned(),
            }
        );
        for (region, url) in [
            (
                "eu-west-1",
                "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/{ExternalExecutionId}?region=eu-west-1",
            ),
            (
                "cn-north-1",
                "https://cn-north-1.console.amazonaws.cn/ecs/v2/clusters/{ExternalExecutionId}?region=cn-north-1",
            ),
            (
                "us-gov-west-1",
                "https://us-gov-west-1.console.amazonaws-us-gov.com/ecs/v2/clusters/{ExternalExecutionId}?region=us-gov-west-1",
            ),
        ] {
            assert_eq!(settings(Some(region)).execution_url, url);
        }
        for region in ["", "EU West", "eu-west-1/x", "x?y"] {
            let failure = action_type().definition(Some(region)).unwrap_err();
            assert_eq!(failure.kind(), FailureKind::Usage);
        }
    }
}
