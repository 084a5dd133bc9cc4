//! What to do about a refusal, by its code, its message, the operation and whose credentials were used: one table.

use evenkeel_core::failure::FailureKind;

use super::code;
use super::who::Who;

pub(super) const AGAIN: &str = "Run the same command again; it goes on where this one ended";

const CORRECT: &str = "Correct the input or the service: AWS refuses the call as it stands";

/// A refusal, as far as the advice depends on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused<'a> {
    /// The service's prefix in policies.
    pub(super) iam: &'a str,
    pub(super) operation: &'a str,
    /// AWS's code; empty if AWS gave none.
    pub(super) code: &'a str,
    pub(super) message: &'a str,
    pub(super) who: &'a Who,
    pub(super) kind: FailureKind,
}

/// What to do next, as an instruction.
pub(super) fn advice(refused: &Refused<'_>) -> String {
    let line = LINES.iter().find(|line| (line.fits)(refused));
    line.map_or_else(|| CORRECT.to_owned(), |line| (line.advice)(refused))
}

/// What is advised where it fits, unless an earlier line does.
struct Line {
    fits: fn(&Refused<'_>) -> bool,
    advice: fn(&Refused<'_>) -> String,
}

const LINES: [Line; 22] = [
    // A clock that is wrong.
    Line {
        fits: |it| {
            it.code == "RequestTimeTooSkewed"
                || code::is_signature(it.code)
                    && (it.says("Signature expired") || it.says("Signature not yet current"))
        },
        advice: |_| {
            "Set this machine's clock: AWS refuses what is signed more than five minutes away from its own time".to_owned()
        },
    },
    // A job's own credentials, which nobody typed.
    Line {
        fits: |it| {
            *it.who == Who::Job
                && (code::is_expiry(it.code) || code::is_unknown_key(it.code) || code::is_signature(it.code))
        },
        advice: |_| {
            "Retry the stage: CodePipeline then hands out new credentials for its artifacts".to_owned()
        },
    },
    // Credentials that have expired.
    Line {
        fits: |it| code::is_expiry(it.code),
        advice: |it| match it.who {
            Who::Role(arn) => format!("Get new credentials, also those that the role {arn} is assumed with"),
            Who::Caller | Who::Job => "Get new credentials".to_owned(),
        },
    },
    // A wrong secret key.
    Line {
        fits: |it| code::is_signature(it.code),
        advice: |_| {
            "Give the secret access key that belongs to the access key, whole and without a white space or line break; a proxy \
             that changes requests has the same effect"
                .to_owned()
        },
    },
    // An unknown key or token.
    Line {
        fits: |it| code::is_unknown_key(it.code),
        advice: |_| {
            "Give credentials that AWS knows: look at AWS_ACCESS_KEY_ID and at AWS_SESSION_TOKEN, which belongs to temporary \
             credentials and to no others, and at the Region, if it is one that the account has to enable"
                .to_owned()
        },
    },
    // No credentials in the request.
    Line {
        fits: |it| it.code.starts_with("MissingAuthenticationToken"),
        advice: |_| {
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and look whether a proxy drops the header Authorization".to_owned()
        },
    },
    // The account lacks the service or the Region.
    Line {
        fits: |it| matches!(it.code, "OptInRequired" | "NotSignedUp" | "RegionDisabledException"),
        advice: |_| "Enable the Region or the service for this account, or give another Region".to_owned(),
    },
    // An explicit deny.
    Line {
        fits: |it| it.kind == FailureKind::Denied && it.deny().is_some(),
        advice: |it| {
            let policy = it.deny().unwrap_or("policy");
            format!(
                "No permission outweighs an explicit deny: have the {policy} changed that denies {} to {}",
                it.action(),
                it.who
            )
        },
    },
    // A policy that caps permissions does not allow it.
    Line {
        fits: |it| it.kind == FailureKind::Denied && it.cap().is_some(),
        advice: |it| {
            let policy = it.cap().unwrap_or("policy");
            format!("Let the {policy} allow {}, too: it caps what {} may do", it.action(), it.who)
        },
    },
    // A role that may not be passed.
    Line {
        fits: |it| it.named_action() == Some("iam:PassRole"),
        advice: |it| {
            let role = it.named_resource().unwrap_or("the task's roles");
            format!(
                "Allow iam:PassRole on {role} to {}, for ecs-tasks.amazonaws.com and ecs.amazonaws.com",
                it.who
            )
        },
    },
    // A KMS key that may not be used.
    Line {
        fits: |it| it.named_action().is_some_and(|action| action.starts_with("kms:")),
        advice: |it| {
            let key = it.named_resource().unwrap_or("the key");
            format!("Allow {} on {key} to {}, in IAM and in the key's policy", it.action(), it.who)
        },
    },
    // KMS refused without the name of the action.
    Line {
        fits: |it| it.kind == FailureKind::Denied && (it.says("KMS") || it.says("ciphertext refers to")),
        advice: |it| {
            let action = if it.writes() { "kms:GenerateDataKey" } else { "kms:Decrypt" };
            format!("Allow {action} on the key to {}, in IAM and in the key's policy", it.who)
        },
    },
    // A KMS key that is not there or not enabled.
    Line {
        fits: |it| it.code.starts_with("KMS") || it.code.starts_with("Kms") || it.code == "InvalidKeyId",
        advice: |_| "Give a KMS key that exists, is enabled, and is in the same Region".to_owned(),
    },
    // A web identity that the role does not trust.
    Line {
        fits: |it| it.kind == FailureKind::Denied && it.operation == "AssumeRoleWithWebIdentity",
        advice: |_| {
            "Let the role's trust policy allow sts:AssumeRoleWithWebIdentity to this identity provider, with the token's \
             audience and subject, and look whether the token is a fresh one"
                .to_owned()
        },
    },
    // A role that may not be assumed.
    Line {
        fits: |it| it.kind == FailureKind::Denied && it.operation == "AssumeRole",
        advice: |it| {
            let role = it.named_resource().unwrap_or("the role");
            format!(
                "Allow sts:AssumeRole on {role} to the caller, and name the caller in the role's trust policy (with the \
                     external id, if the policy asks for one: --external-id)"
            )
        },
    },
    // What AWS itself names.
    Line {
        fits: |it| it.kind == FailureKind::Denied && it.named_action().is_some(),
        advice: |it| match it.named_resource().filter(|resource| *resource != "*") {
            Some(resource) => format!("Allow {} on {resource} to {}", it.action(), it.who),
            None => format!("Allow {} to {}", it.action(), it.who),
        },
    },
    // S3 in response to a HEAD.
    Line {
        fits: |it| it.kind == FailureKind::Denied && it.operation == "HeadObject",
        advice: |it| {
            format!(
                "Allow s3:GetObject to {}, and look whether the credentials have expired; to one who may not list the bucket \
                     a missing object looks the same",
                it.who
            )
        },
    },
    // S3 writes, which buckets refuse for more reasons than a missing permission.
    Line {
        fits: |it| it.kind == FailureKind::Denied && it.iam == "s3" && it.writes(),
        advice: |it| {
            format!(
                "Allow s3:PutObject (and kms:GenerateDataKey on the key of an encrypted bucket) to {}; the bucket's own policy may \
                     deny it as well, for example without encryption",
                it.who
            )
        },
    },
    // S3 reads.
    Line {
        fits: |it| it.kind == FailureKind::Denied && it.iam == "s3",
        advice: |it| {
            format!("Allow {} (and kms:Decrypt on the key of an encrypted object) to {}", it.action(), it.who)
        },
    },
    // Any other denial.
    Line {
        fits: |it| it.kind == FailureKind::Denied,
        advice: |it| format!("Allow {} to {}", it.action(), it.who),
    },
    // A bucket that is not there.
    Line {
        fits: |it| it.code == "NoSuchBucket",
        advice: |_| "Give a bucket that exists in this account's partition".to_owned(),
    },
    // What passes.
    Line {
        fits: |it| it.kind == FailureKind::Unavailable,
        advice: |it| match it.who {
            Who::Job => "Retry the stage; it goes on where this one ended".to_owned(),
            Who::Caller | Who::Role(_) => AGAIN.to_owned(),
        },
    },
];

/// The kinds of policy that AWS's messages name, the longer names first.
const POLICIES: [&str; 8] = [
    "service control policy",
    "resource control policy",
    "VPC endpoint policy",
    "permissions boundary",
    "session policy",
    "resource-based policy",
    "identity-based policy",
    "policy",
];

/// Those of them that allow nothing by themselves.
const CAPS: [&str; 5] = [POLICIES[0], POLICIES[1], POLICIES[2], POLICIES[3], POLICIES[4]];

impl<'a> Refused<'a> {
    fn says(&self, words: &str) -> bool {
        self.message.contains(words)
    }

    /// The action that AWS's message names: often another one than that of the call.
    fn named_action(&self) -> Option<&'a str> {
        let named = word_after(self.message, "not authorized to perform: ")?;
        named.contains(':').then_some(named)
    }

    fn named_resource(&self) -> Option<&'a str> {
        word_after(self.message, "on resource: ")
    }

    /// The action, `ecs:UpdateService`.
    fn action(&self) -> String {
        if let Some(named) = self.named_action() {
            return named.to_owned();
        }
        let operation = match (self.iam, self.operation) {
            ("s3", "HeadObject") => "GetObject",
            ("s3", "ListObjectsV2") => "ListBucket",
            (_, operation) => operation,
        };
        format!("{}:{operation}", self.iam)
    }

    fn writes(&self) -> bool {
        self.operation.starts_with("Put")
    }

    /// The kind of policy that denies explicitly.
    fn deny(&self) -> Option<&'static str> {
        let (_, policy) = self.message.split_once("explicit deny")?;
        Some(POLICIES.into_iter().find(|kind| policy.contains(kind)).unwrap_or("policy"))
    }

    /// The kind of policy that caps what is allowed, and does not allow this.
    fn cap(&self) -> Option<&'static str> {
        CAPS.into_iter().find(|kind| self.says(&format!("because no {kind} allows")))
    }
}

/// The word behind `before`, without what ends a sentence.
fn word_after<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let (_, after) = text.split_once(before)?;
    let word = after.split_whitespace().next()?.trim_end_matches(['.', ',', ';']);
    (!word.is_empty()).then_some(word)
}

#[cfg(test)]
mod tests;
