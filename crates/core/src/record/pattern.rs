//! A sink as it is typed: `{cluster}` and `{service}` in it stand for names, so that each of several
//! services has a record of its own.

use std::fmt;

use super::super::failure::{Failure, FailureKind};
use super::super::quote::{cut, quoted};
use super::super::request::{ClusterName, ServiceName};
use super::Sink;

const CLUSTER: &str = "{cluster}";
const SERVICE: &str = "{service}";

/// A sink in which `{cluster}` and `{service}` stand for short names, never for ARNs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkPattern(String);

impl SinkPattern {
    /// Reads a sink as it is typed.
    ///
    /// # Errors
    /// [`FailureKind::Usage`] for a placeholder that is not known, and for what is no sink whatever
    /// the names are.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let rest = text.replace(CLUSTER, "").replace(SERVICE, "");
        if rest.contains(['{', '}']) {
            return Err(Failure::new(
                FailureKind::Usage,
                format!("{} names no place for a record", quoted(text)),
            )
            .because(unknown_placeholder(&rest))
            .advice("Write {cluster} or {service}, which stand for the names of the two"));
        }
        let pattern = Self(text.to_owned());
        let (sample, _) = pattern.stand_ins();
        Sink::parse_shown_as(&pattern.filled(&sample, &sample), text)?;
        Ok(pattern)
    }

    /// Reads one more, and adds it to `patterns`.
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse), also when `patterns` has it already; then nothing is added.
    pub fn parse_another(text: &str, patterns: &mut Vec<Self>) -> Result<(), Failure> {
        let pattern = Self::parse(text)?;
        if patterns.contains(&pattern) {
            return Err(Failure::new(FailureKind::Usage, format!("the record {pattern} is given twice"))
                .advice("Give each place once"));
        }
        patterns.push(pattern);
        Ok(())
    }

    /// Whether the cluster's name stands in it.
    #[must_use]
    pub fn has_cluster(&self) -> bool {
        self.0.contains(CLUSTER)
    }

    /// Whether the service's name stands in it, so that each service has a record of its own.
    #[must_use]
    pub fn has_service(&self) -> bool {
        self.0.contains(SERVICE)
    }

    /// The sink of this service.
    ///
    /// # Errors
    /// [`FailureKind::Usage`] where the names make it none: a name may be too long, for example.
    pub fn sink_of(&self, cluster: &str, service: &str) -> Result<Sink, Failure> {
        Sink::parse(&self.filled(cluster, service))
    }

    /// The sinks of any service, for an IAM policy: `*` stands in the place of a name that is not given.
    ///
    /// # Errors
    /// Those of [`sink_of`](Self::sink_of).
    pub fn sink_of_any(&self, cluster: Option<&str>, service: Option<&str>) -> Result<Sink, Failure> {
        let (one, other) = self.stand_ins();
        let sink = self.sink_of(cluster.unwrap_or(&one), service.unwrap_or(&other))?;
        let open =
            |is_open: bool, name: &str, text: String| if is_open { text.replace(name, "*") } else { text };
        Ok(sink
            .renamed(|text| open(service.is_none(), &other, open(cluster.is_none(), &one, text.to_owned()))))
    }

    fn filled(&self, cluster: &str, service: &str) -> String {
        self.0.replace(CLUSTER, cluster).replace(SERVICE, service)
    }

    /// Two names that every sink can have and that do not stand in this one.
    fn stand_ins(&self) -> (String, String) {
        let mut name = "any".to_owned();
        while self.0.contains(&name) {
            name.push('y');
        }
        (format!("{name}1"), format!("{name}2"))
    }
}

/// As it is typed.
impl fmt::Display for SinkPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The sinks of each service, in the order of `services`.
///
/// # Errors
/// [`FailureKind::Usage`] when two services would share a record, or a service would have one twice.
pub fn sinks_of_each(
    patterns: &[SinkPattern],
    cluster: &ClusterName,
    services: &[ServiceName],
) -> Result<Vec<Vec<Sink>>, Failure> {
    if let Some(shared) = patterns.iter().find(|pattern| services.len() > 1 && !pattern.has_service()) {
        return Err(Failure::new(
            FailureKind::Usage,
            format!("the record {shared} was given for {} services", services.len()),
        )
        .because("a record describes one service")
        .advice("Write {service} in its name, as in ssm:/deploy/{service}/record"));
    }
    let mut all: Vec<(Sink, &ServiceName)> = Vec::new();
    let mut of_each = Vec::new();
    for service in services {
        let mut sinks = Vec::new();
        for pattern in patterns {
            let sink = pattern.sink_of(cluster.short(), service.short())?;
            if let Some((_, other)) = all.iter().find(|(known, _)| *known == sink) {
                let (one, other) = (cut(other.short(), 100), cut(service.short(), 100));
                let whose = if one == other {
                    format!("service {one} twice")
                } else {
                    format!("the services {one} and {other}")
                };
                return Err(Failure::new(
                    FailureKind::Usage,
                    format!("the record {sink} was given for {whose}"),
                )
                .advice("Give each record a name of its own"));
            }
            all.push((sink.clone(), service));
            sinks.push(sink);
        }
        of_each.push(sinks);
    }
    Ok(of_each)
}

/// `{svc}` is unknown; a brace without its other half is none at all.
fn unknown_placeholder(rest: &str) -> String {
    let inside = rest.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    match inside {
        Some((name, _)) => format!("{{{}}} is not a placeholder", cut(name, 50)),
        None => "it has a brace without its other half".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(cluster: &str, services: &[&str]) -> (ClusterName, Vec<ServiceName>) {
        let services = services.iter().map(|name| ServiceName::parse(name).unwrap()).collect();
        (ClusterName::parse(cluster).unwrap(), services)
    }

    fn resolved(texts: &[&str], services: &[&str]) -> Result<Vec<Vec<String>>, String> {
        let (cluster, services) = names("arn:aws:ecs:eu-west-1:123456789012:cluster/prod", services);
        let patterns: Vec<_> = texts.iter().map(|text| SinkPattern::parse(text).unwrap()).collect();
        let told = |sinks: Vec<Sink>| sinks.iter().map(ToString::to_string).collect();
        let sinks = sinks_of_each(&patterns, &cluster, &services);
        sinks.map(|each| each.into_iter().map(told).collect()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn each_service_has_a_record_of_its_own_by_its_short_name() {
        let api = "arn:aws:ecs:eu-west-1:123456789012:service/prod/api";
        assert_eq!(
            resolved(&["ssm:/deploy/{cluster}/{service}/record", "file:{service}.json"], &["web", api]),
            Ok(vec![
                vec!["ssm:/deploy/prod/web/record".to_owned(), "file:web.json".to_owned()],
                vec!["ssm:/deploy/prod/api/record".to_owned(), "file:api.json".to_owned()],
            ])
        );
        for text in [
            "ssm:/{service}",
            "s3://records/{cluster}/{service}.json",
            "tfstate:s3://records/{service}.tfstate",
            "tfvars:{service}.auto.tfvars.json",
            "file:{cluster}-{service}",
        ] {
            let sink = text.replace("{cluster}", "prod").replace("{service}", "web_1-A");
            assert_eq!(resolved(&[text], &["web_1-A"]), Ok(vec![vec![sink]]));
        }
        assert_eq!(resolved(&["file:x"], &["web"]), Ok(vec![vec!["file:x".to_owned()]]));
    }

    #[test]
    fn two_services_never_share_a_record() {
        assert_eq!(
            resolved(&["ssm:/{service}", "ssm:/deploy/record"], &["web", "api"]).unwrap_err(),
            "the record ssm:/deploy/record was given for 2 services: a record describes one service. Write \
             {service} in its name, as in ssm:/deploy/{service}/record"
        );
        assert_eq!(
            resolved(&["ssm:/x-{service}", "ssm:/{service}-y"], &["a-y", "x-a"]).unwrap_err(),
            "the record ssm:/x-a-y was given for the services a-y and x-a. Give each record a name of its own"
        );
        assert_eq!(
            resolved(&["ssm:/{service}", "ssm:/web"], &["web"]).unwrap_err(),
            "the record ssm:/web was given for service web twice. Give each record a name of its own"
        );
        let mut patterns = Vec::new();
        SinkPattern::parse_another("ssm:/{service}", &mut patterns).unwrap();
        let twice = SinkPattern::parse_another("ssm:/{service}", &mut patterns).unwrap_err().to_string();
        assert_eq!(twice, "the record ssm:/{service} is given twice. Give each place once");
    }

    #[test]
    fn every_mistake_is_a_usage_error_that_shows_what_was_typed() {
        for (text, why) in [
            ("ssm:/deploy/{svc}/record", "{svc} is not a placeholder. Write {cluster} or {service}, which"),
            ("ssm:/deploy/{Service}", "{Service} is not a placeholder"),
            ("file:{}", "{} is not a placeholder"),
            ("file:{service", "a brace without its other half"),
            ("file:service}", "a brace without its other half"),
            ("ssm:{service}", "begins with a slash"),
            ("ssm:/a b/{service}", "letters, digits"),
            ("s3://{service}", "key is missing"),
            ("tfvars:{service}.tfvars", "*.tfvars.json"),
            ("{service}", "none of the words"),
        ] {
            let failure = SinkPattern::parse(text).unwrap_err();
            let told = failure.to_string();
            assert_eq!(failure.kind(), FailureKind::Usage, "{text}");
            assert!(told.starts_with(&format!("{text:?} names no place")) && told.contains(why), "{told}");
        }
        // A name can make a sink wrong that is right by itself.
        let reserved = resolved(&["ssm:/{service}/record"], &["aws-web"]).unwrap_err();
        assert!(reserved.contains("\"ssm:/aws-web/record\" names no place"), "{reserved}");
    }

    #[test]
    fn a_name_that_is_not_given_is_open_in_a_policy() {
        let any = |text: &str, cluster, service| {
            SinkPattern::parse(text).unwrap().sink_of_any(cluster, service).unwrap()
        };
        let pattern = "ssm:/anyone/{cluster}/{service}";
        assert_eq!(any(pattern, None, None), Sink::Parameter("/anyone/*/*".to_owned()));
        assert_eq!(any(pattern, Some("prod"), None), Sink::Parameter("/anyone/prod/*".to_owned()));
        assert_eq!(any(pattern, Some("prod"), Some("web")), Sink::Parameter("/anyone/prod/web".to_owned()));
        let key = any("s3://records/{service}.json", None, None);
        assert_eq!(key.to_string(), "s3://records/*.json");
    }
}
