//! Where to look at things in AWS's console.

use super::arn::{Arn, last_part};
use super::service::Service;

/// The host of the console for the partition of `region` (AWS general reference).
pub(super) fn host(region: &str) -> &'static str {
    match region {
        china if china.starts_with("cn-") => "console.amazonaws.cn",
        government if government.starts_with("us-gov-") => "console.amazonaws-us-gov.com",
        _ => "console.aws.amazon.com",
    }
}

/// The page of a service's deployments.
#[must_use]
pub fn deployments_url(service: &Service) -> Option<String> {
    let region = Arn::parse(&service.arn)?.region;
    let (host, cluster, name) = (host(region), last_part(&service.cluster), &service.name);
    let page = format!("{host}/ecs/v2/clusters/{cluster}/services/{name}/deployments");
    (!region.is_empty() && !cluster.is_empty()).then(|| format!("https://{region}.{page}?region={region}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_service_s_deployments_have_a_page_in_its_partition_s_console() {
        let mut service = samples::service("web", Vec::new());
        assert_eq!(
            deployments_url(&service).unwrap(),
            "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/prod/services/web/deployments?region=eu-west-1"
        );
        service.arn = "arn:aws-cn:ecs:cn-north-1:123456789012:service/prod/web".to_owned();
        assert!(
            deployments_url(&service).unwrap().starts_with("https://cn-north-1.console.amazonaws.cn/ecs")
        );
        service.arn = String::new();
        assert_eq!(deployments_url(&service), None);
    }
}
