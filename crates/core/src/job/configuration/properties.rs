//! The action's properties as they came, and how the value of each is read.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::super::arn::Arn;
use super::super::super::image::{Images, InvalidAssignment};
use super::super::super::quote::{cut, quoted};
use super::super::super::record::{Sink, SinkPattern, sinks_of_each};
use super::super::super::request::{
    ClusterName, OnFailure, ServiceName, has_only, is_account, is_label, is_name,
};
use super::super::super::runner::Runner;
use super::super::{JobOptions, Property, ReadOptions, Secret};
use super::{ADDED_BY_AWS, MAX_TIMEOUT};

/// The properties as they came, and what is wrong with them.
pub(super) struct Properties<'a> {
    given: &'a BTreeMap<String, Secret>,
    /// What is wrong, in the order of the properties.
    pub(super) mistakes: Vec<String>,
    /// The names that are none of ours.
    pub(super) unknown: Vec<&'a str>,
}

impl<'a> Properties<'a> {
    pub(super) fn new(given: &'a BTreeMap<String, Secret>) -> Self {
        let is_known = |name: &str| Property::ALL.iter().any(|property| property.name() == name);
        let names = given.keys().map(String::as_str);
        let unknown = names.filter(|name| !is_known(name) && *name != ADDED_BY_AWS).collect();
        Self { given, mistakes: Vec::new(), unknown }
    }

    /// Reads a value, if it is given; what is wrong with it is noted.
    pub(super) fn read<T>(
        &mut self,
        property: Property,
        parse: impl FnOnce(&'a str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.value(property)?;
        parse(value).map_err(|why| self.wrong(property, &why)).ok()
    }

    /// Reads what commas part in a value, one after the other; what is wrong with each is noted.
    pub(super) fn read_each<T: Default>(
        &mut self,
        property: Property,
        mut parse: impl FnMut(&'a str, &mut T) -> Result<(), String>,
    ) -> Option<T> {
        let value = self.value(property)?;
        let mut all = T::default();
        for item in value.split(',').map(str::trim) {
            let read = if item.is_empty() {
                Err("there is nothing before, between or after its commas".to_owned())
            } else {
                parse(item, &mut all)
            };
            if let Err(why) = read {
                self.wrong(property, &why);
            }
        }
        Some(all)
    }

    /// Notes where the ARNs of the cluster and its services contradict one another.
    pub(super) fn must_agree(&mut self, cluster: Option<&ClusterName>, services: &[ServiceName]) {
        let place = cluster.and_then(ClusterName::place);
        let mut first = place.map(|place| (Property::ClusterName.to_string(), place));
        for service in services {
            let name = cut(service.short(), 100);
            if let (Some(cluster), Some(named)) = (cluster, service.cluster())
                && cluster.short() != named
            {
                let (named, cluster) = (cut(named, 100), cut(cluster.short(), 100));
                self.wrong(
                    Property::ServiceName,
                    &format!("service {name} is of cluster {named}, and ClusterName is {cluster}"),
                );
            }
            let Some(place) = service.place() else { continue };
            match &first {
                Some((whose, theirs)) if *theirs != place => {
                    let why =
                        format!("the ARN of service {name} is of {place}, and that of {whose} of {theirs}");
                    self.wrong(Property::ServiceName, &why);
                }
                Some(_) => {}
                None => first = Some((format!("service {name}"), place)),
            }
        }
    }

    /// Reads the options, if there are any; everything that is wrong with them is noted.
    pub(super) fn options(&mut self, read: ReadOptions) -> JobOptions {
        let Some(text) = self.value(Property::Options) else { return JobOptions::default() };
        let options = read(text).unwrap_or_else(|mistakes| {
            mistakes.iter().for_each(|why| self.wrong(Property::Options, why));
            JobOptions::default()
        });
        if options.external_id.is_some() && !self.given.contains_key(Property::RoleArn.name()) {
            self.wrong(Property::Options, "--external-id needs the property RoleArn");
        }
        options
    }

    /// Where the record of each service is kept; why two services would share one is noted.
    pub(super) fn records(
        &mut self,
        patterns: &[SinkPattern],
        cluster: Option<&ClusterName>,
        services: &[ServiceName],
    ) -> Vec<Vec<Sink>> {
        let Some(cluster) = cluster else { return Vec::new() };
        sinks_of_each(patterns, cluster, services).unwrap_or_else(|failure| {
            self.wrong(Property::Record, &failure.to_string());
            Vec::new()
        })
    }

    /// The value without blanks around it, if there is one.
    fn value(&mut self, property: Property) -> Option<&'a str> {
        match self.given.get(property.name()).map(|value| value.expose().trim()) {
            Some("") => self.wrong(property, "there is nothing in it"),
            Some(value) => return Some(value),
            None if property.is_required() => self.wrong(property, "it is missing"),
            None => {}
        }
        None
    }

    fn wrong(&mut self, property: Property, why: &str) {
        self.mistakes.push(format!("{property}: {why}"));
    }
}

/// A file's path within an artifact.
pub(super) fn path_in_artifact(text: &str) -> Result<String, String> {
    let is_plain = |part: &str| !matches!(part, "" | "." | "..");
    let plain = text.split('/').all(is_plain) && !text.contains(|c: char| c == '\\' || c.is_control());
    let what = "a file's path in the artifact; it has names with / between them, and no . or .. or \\";
    taken_if(plain, text, what)
}

fn taken_if(is_sound: bool, text: &str, what: &str) -> Result<String, String> {
    is_sound.then(|| text.to_owned()).ok_or_else(|| format!("{} is not {what}", quoted(text)))
}

/// A time-out in minutes.
pub(super) fn minutes(text: &str) -> Result<Duration, String> {
    // `u64::from_str` would take "+5".
    let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    number
        .filter(|minutes| (1..=MAX_TIMEOUT).contains(minutes))
        .map(|minutes| Duration::from_secs(minutes * 60))
        .ok_or_else(|| format!("{} is not a number of minutes from 1 to {MAX_TIMEOUT}", quoted(text)))
}

/// What to do when a rollout fails.
pub(super) fn on_failure(text: &str) -> Result<OnFailure, String> {
    OnFailure::parse(text).ok_or_else(|| format!("{} is neither rollback nor leave", quoted(text)))
}

/// The ARN of a role (AWS IAM user guide, "IAM and AWS STS quotas", "IAM identifiers").
pub(super) fn role_arn(text: &str) -> Result<String, String> {
    taken_if(is_role(text), text, "the ARN of a role, as arn:aws:iam::123456789012:role/deploy")
}

fn is_role(text: &str) -> bool {
    let Some(Arn { partition, region: "", account, resource, .. }) = Arn::of(text, "iam") else {
        return false;
    };
    let Some(path) = resource.strip_prefix("role/") else { return false };
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    is_label(partition)
        && is_account(account)
        && folder.len() <= 510
        && folder.chars().all(|c| c.is_ascii_graphic())
        && has_only(name, 64, "_+=,.@-")
}

/// A container's name.
pub(super) fn container_name(text: &str) -> Result<String, String> {
    let what = "a container; its name has 1 to 255 letters, digits, hyphens and underscores";
    taken_if(is_name(text), text, what)
}

/// One more container's image.
pub(super) fn image(text: &str, images: &mut Images) -> Result<(), String> {
    images.assign(text).map_err(|invalid| match invalid {
        InvalidAssignment::Form(_) => format!("{invalid}, as in app=registry.example/app:1.2"),
        InvalidAssignment::Image { ref reason, .. } => {
            format!("{invalid} ({})", reason.remedy(Runner::Other))
        }
        InvalidAssignment::Twice(twice) => {
            format!("container {} is given two images", quoted(&twice.container))
        }
    })
}
