use super::*;
use crate::aws::error::code::is_denial;

const USER: &str = "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: ";
const SERVICE: &str = "arn:aws:ecs:eu-west-1:123456789012:service/prod/web";

fn role() -> Who {
    Who::Role("arn:aws:iam::123456789012:role/deploy".into())
}

fn kind(code: &str, message: &str) -> FailureKind {
    if is_denial(code) || message.contains("is not authorized to perform: ") {
        FailureKind::Denied
    } else if code == "SlowDown" {
        FailureKind::Unavailable
    } else {
        FailureKind::InvalidInput
    }
}

/// Service, operation, code, message, whose credentials, and what is advised.
type Row<'a> = (&'a str, &'a str, &'a str, String, Who, &'a str);

fn rows() -> Vec<Row<'static>> {
    let denied = |action: &str, on: &str, why: &str| format!("{USER}{action} on resource: {on} {why}");
    let no_policy = |action: &str| format!("because no identity-based policy allows the {action} action");
    let kms = "arn:aws:kms:eu-west-1:123456789012:key/1";
    let of_kms = format!(
        "{USER}kms:Decrypt on resource: {kms} because no resource-based policy allows the kms:Decrypt action"
    );
    let task_role = "arn:aws:iam::123456789012:role/task";
    let assumed = "arn:aws:iam::123456789012:role/deploy";
    vec![
        ("ecs", "UpdateService", "InvalidSignatureException", "Signature expired: 20261128T010000Z is now earlier than 20261128T020000Z".to_owned(), Who::Caller,
         "Set this machine's clock: AWS refuses what is signed more than five minutes away from its own time"),
        ("s3", "GetObject", "ExpiredToken", "The provided token has expired.".to_owned(), Who::Job,
         "Retry the stage: CodePipeline then hands out new credentials for its artifacts"),
        ("ecs", "DescribeServices", "ExpiredTokenException", "The security token included in the request is expired".to_owned(), Who::Caller,
         "Get new credentials"),
        ("ecs", "DescribeServices", "ExpiredTokenException", "The security token included in the request is expired".to_owned(), role(),
         "Get new credentials, also those that the role arn:aws:iam::123456789012:role/deploy is assumed with"),
        ("ecs", "DescribeServices", "SignatureDoesNotMatch", "The request signature we calculated does not match".to_owned(), Who::Caller,
         "Give the secret access key that belongs to the access key, whole and without a white space or line break; a proxy that changes requests has the same effect"),
        ("ecs", "DescribeServices", "UnrecognizedClientException", "The security token included in the request is invalid.".to_owned(), Who::Caller,
         "Give credentials that AWS knows: look at AWS_ACCESS_KEY_ID and at AWS_SESSION_TOKEN, which belongs to temporary credentials and to no others, and at the Region, if it is one that the account has to enable"),
        ("ecs", "DescribeServices", "MissingAuthenticationTokenException", "Missing Authentication Token".to_owned(), Who::Caller,
         "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and look whether a proxy drops the header Authorization"),
        ("ecs", "DescribeServices", "OptInRequired", "You are not subscribed to this service".to_owned(), Who::Caller,
         "Enable the Region or the service for this account, or give another Region"),
        ("ecs", "UpdateService", "AccessDeniedException", denied("ecs:UpdateService", SERVICE, "with an explicit deny in a service control policy"), Who::Caller,
         "No permission outweighs an explicit deny: have the service control policy changed that denies ecs:UpdateService to the caller"),
        ("s3", "PutObject", "AccessDenied", denied("s3:PutObject", "arn:aws:s3:::records/web.json", "with an explicit deny in a resource-based policy"), role(),
         "No permission outweighs an explicit deny: have the resource-based policy changed that denies s3:PutObject to the role arn:aws:iam::123456789012:role/deploy"),
        ("ecs", "UpdateService", "AccessDeniedException", denied("ecs:UpdateService", SERVICE, "because no permissions boundary allows the ecs:UpdateService action"), Who::Caller,
         "Let the permissions boundary allow ecs:UpdateService, too: it caps what the caller may do"),
        ("ecs", "RegisterTaskDefinition", "AccessDeniedException", denied("iam:PassRole", task_role, &no_policy("iam:PassRole")), Who::Caller,
         "Allow iam:PassRole on arn:aws:iam::123456789012:role/task to the caller, for ecs-tasks.amazonaws.com and ecs.amazonaws.com"),
        ("s3", "GetObject", "AccessDenied", of_kms.clone(), Who::Job,
         "Allow kms:Decrypt on arn:aws:kms:eu-west-1:123456789012:key/1 to the pipeline's role, whose credentials the job has for its artifacts, in IAM and in the key's policy"),
        ("ssm", "GetParameter", "AccessDeniedException", "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.".to_owned(), Who::Caller,
         "Allow kms:Decrypt on the key to the caller, in IAM and in the key's policy"),
        ("s3", "PutObject", "AccessDenied", "KMS denied the request".to_owned(), Who::Caller,
         "Allow kms:GenerateDataKey on the key to the caller, in IAM and in the key's policy"),
        ("s3", "PutObject", "KMS.NotFoundException", "Key 'arn:aws:kms:eu-west-1:123456789012:key/1' does not exist".to_owned(), Who::Caller,
         "Give a KMS key that exists, is enabled, and is in the same Region"),
        ("sts", "AssumeRoleWithWebIdentity", "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity".to_owned(), Who::Caller,
         "Let the role's trust policy allow sts:AssumeRoleWithWebIdentity to this identity provider, with the token's audience and subject, and look whether the token is a fresh one"),
        ("sts", "AssumeRole", "AccessDenied", format!("{USER}sts:AssumeRole on resource: {assumed}"), Who::Caller,
         "Allow sts:AssumeRole on arn:aws:iam::123456789012:role/deploy to the caller, and name the caller in the role's trust policy (with the external id, if the policy asks for one: --external-id)"),
        ("ecs", "UpdateService", "AccessDeniedException", denied("ecs:UpdateService", SERVICE, &no_policy("ecs:UpdateService")), Who::Caller,
         "Allow ecs:UpdateService on arn:aws:ecs:eu-west-1:123456789012:service/prod/web to the caller"),
        ("ecs", "RegisterTaskDefinition", "ClientException", denied("ecs:RegisterTaskDefinition", "*", &no_policy("ecs:RegisterTaskDefinition")), role(),
         "Allow ecs:RegisterTaskDefinition to the role arn:aws:iam::123456789012:role/deploy"),
        ("s3", "HeadObject", "AccessDenied", String::new(), Who::Job,
         "Allow s3:GetObject to the pipeline's role, whose credentials the job has for its artifacts, and look whether the credentials have expired; to one who may not list the bucket a missing object looks the same"),
        ("s3", "PutObject", "AccessDenied", "Access Denied".to_owned(), Who::Caller,
         "Allow s3:PutObject (and kms:GenerateDataKey on the key of an encrypted bucket) to the caller; the bucket's own policy may deny it as well, for example without encryption"),
        ("s3", "ListObjectsV2", "AccessDenied", "Access Denied".to_owned(), Who::Caller,
         "Allow s3:ListBucket (and kms:Decrypt on the key of an encrypted object) to the caller"),
        ("ssm", "PutParameter", "AccessDeniedException", "no".to_owned(), Who::Caller, "Allow ssm:PutParameter to the caller"),
        ("s3", "GetObject", "NoSuchBucket", "The specified bucket does not exist".to_owned(), Who::Caller,
         "Give a bucket that exists in this account's partition"),
        ("s3", "GetObject", "SlowDown", "Please reduce your request rate.".to_owned(), Who::Job, "Retry the stage; it goes on where this one ended"),
        ("s3", "GetObject", "SlowDown", "Please reduce your request rate.".to_owned(), Who::Caller, AGAIN),
        ("ecs", "UpdateService", "ClientException", "Role is not valid".to_owned(), Who::Caller, CORRECT),
    ]
}

#[test]
fn the_advice_fits_the_code_the_operation_and_whose_credentials_they_are() {
    let mut lines = [0; LINES.len()];
    for (iam, operation, code, message, who, advised) in rows() {
        let refused =
            Refused { iam, operation, code, message: &message, who: &who, kind: kind(code, &message) };
        assert_eq!(advice(&refused), advised, "{operation} {code}: {message}");
        if let Some(line) = LINES.iter().position(|line| (line.fits)(&refused)) {
            lines[line] += 1;
        }
    }
    let unused: Vec<usize> = (0..lines.len()).filter(|line| lines[*line] == 0).collect();
    assert!(unused.is_empty(), "lines of the table without a test: {unused:?}");
}
