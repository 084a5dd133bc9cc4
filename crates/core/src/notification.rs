//! That a deployment has ended, told to those who wait for it elsewhere.

use std::fmt;

use super::arn::Arn;
use super::failure::Failure;
use super::quote::quoted;
use super::record::Sink;
use super::request::{has_only, is_account};

/// The end of a deployment as a message, in the form of each channel.
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

/// The longest name of an event bus, and of a topic (Amazon EventBridge API reference,
/// `CreateEventBus`; Amazon SNS API reference, `CreateTopic`).
const MAX_NAME: usize = 256;

/// Where the end of a deployment is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// `eventbridge:BUS`: an event bus, by its name or ARN.
    EventBus(String),
    /// `sns:ARN`: a topic.
    Topic(String),
    /// `webhook:ssm:/PARAMETER`: an address that takes what Slack's incoming webhooks take. It is a
    /// secret, and read from the parameter.
    Webhook {
        /// The parameter's name.
        parameter: String,
    },
}

impl Channel {
    /// Reads a channel as it is typed.
    ///
    /// # Errors
    /// [`Failure::usage`] for anything else, with the form that it should have.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        // What was typed may be a webhook's address itself, which is a secret: only its kind is told.
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let why = match kind {
            "eventbridge" if is_bus(rest) => return Ok(Self::EventBus(rest.to_owned())),
            "eventbridge" => {
                "an event bus has a name of letters, digits, dots, hyphens and underscores, or an ARN"
            }
            "sns" if is_topic(rest) => return Ok(Self::Topic(rest.to_owned())),
            "sns" => "a topic is named by its ARN, as arn:aws:sns:eu-west-1:123456789012:deployments",
            "webhook" if rest.starts_with("ssm:") => match Sink::parse(rest) {
                Ok(Sink::Parameter(parameter)) => return Ok(Self::Webhook { parameter }),
                Ok(_) | Err(_) => "the parameter's name begins with a slash, as in ssm:/deploy/web/webhook",
            },
            "webhook" => {
                "a webhook's address is a secret, and is read from a parameter: webhook:ssm:/PARAMETER"
            }
            "http" | "https" => {
                "a webhook's address is a secret: put it into a parameter of the type SecureString"
            }
            _ => "it begins with none of the words",
        };
        let shown = match kind {
            "webhook" if !rest.starts_with("ssm:") => "webhook:…",
            "http" => "http://…",
            "https" => "https://…",
            _ => text,
        };
        Err(Failure::usage(format!("{} names nobody to notify", quoted(shown)))
            .because(why)
            .advice("Give eventbridge:BUS, sns:ARN or webhook:ssm:/PARAMETER"))
    }

    /// Reads several, each of which is given once.
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse).
    pub fn parse_all(texts: &[String]) -> Result<Vec<Self>, Failure> {
        let mut channels = Vec::new();
        for text in texts {
            let channel = Self::parse(text)?;
            if channels.contains(&channel) {
                return Err(Failure::usage(format!("the channel {channel} is given twice"))
                    .advice("Give each channel once"));
            }
            channels.push(channel);
        }
        Ok(channels)
    }

    /// The Region, if an ARN names it.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        match self {
            Self::EventBus(name) | Self::Topic(name) => Arn::parse(name).map(|arn| arn.region),
            Self::Webhook { .. } => None,
        }
    }
}

/// As it is typed.
impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EventBus(bus) => write!(f, "eventbridge:{bus}"),
            Self::Topic(arn) => write!(f, "sns:{arn}"),
            Self::Webhook { parameter } => write!(f, "webhook:ssm:{parameter}"),
        }
    }
}

fn is_bus(text: &str) -> bool {
    let name = match resource(text, "events") {
        Some(resource) => resource.strip_prefix("event-bus/").unwrap_or_default(),
        None => text,
    };
    has_only(name, MAX_NAME, "._-")
}

fn is_topic(text: &str) -> bool {
    resource(text, "sns")
        .is_some_and(|name| has_only(name.strip_suffix(".fifo").unwrap_or(name), MAX_NAME, "_-"))
}

/// What an ARN of this service, which has a Region and an account, names.
fn resource<'a>(arn: &'a str, service: &str) -> Option<&'a str> {
    let Arn { partition, region, account, resource, .. } = Arn::of(arn, service)?;
    let is_sound = !partition.is_empty() && has_only(region, MAX_NAME, "-") && is_account(account);
    is_sound.then_some(resource)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;

    #[test]
    fn every_channel_is_read_and_told_as_it_is_typed() {
        for (text, region) in [
            ("eventbridge:default", None),
            ("eventbridge:arn:aws:events:eu-west-1:123456789012:event-bus/deploys", Some("eu-west-1")),
            ("sns:arn:aws-cn:sns:cn-north-1:123456789012:deploys.fifo", Some("cn-north-1")),
            ("webhook:ssm:/deploy/web/webhook", None),
        ] {
            let channel = Channel::parse(text).unwrap();
            assert_eq!((channel.to_string(), channel.region()), (text.to_owned(), region));
        }
    }

    #[test]
    fn every_mistake_is_a_usage_error_that_keeps_the_secret() {
        for (text, why) in [
            ("", "none of the words"),
            ("slack:#deploys", "none of the words"),
            ("eventbridge:", "an event bus has a name"),
            ("eventbridge:a b", "an event bus has a name"),
            ("eventbridge:arn:aws:events:eu-west-1:1:event-bus/x", "an event bus has a name"),
            ("sns:deploys", "by its ARN"),
            ("sns:arn:aws:sqs:eu-west-1:123456789012:deploys", "by its ARN"),
            ("webhook:ssm:web", "begins with a slash"),
            ("webhook:https://hooks.example.com/s3cret", "is a secret"),
            ("https://hooks.example.com/s3cret", "is a secret"),
        ] {
            let failure = Channel::parse(text).unwrap_err();
            let told = failure.to_string();
            assert_eq!(failure.kind(), FailureKind::Usage, "{text}");
            assert!(told.contains(why) && told.ends_with("webhook:ssm:/PARAMETER"), "{text}: {told}");
            assert!(!told.contains("s3cret"), "{told}");
        }
        let twice = ["eventbridge:default".to_owned(), "eventbridge:default".to_owned()];
        assert!(Channel::parse_all(&twice).unwrap_err().to_string().contains("is given twice"));
    }
}
