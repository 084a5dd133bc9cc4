//! Names of things: ARNs, and ids that look like AWS's and are the same in every run.

use crate::{ACCOUNT, REGION};

/// The ARN of an ECS resource: `kind/path`, or `kind/path:revision` for a task definition.
pub(super) fn arn(kind: &str, path: &str) -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:{kind}/{path}")
}

/// What stands after `…:kind/` in an ARN of this account and Region; a short name stays as it is.
pub(super) fn name_of<'a>(kind: &str, reference: &'a str) -> &'a str {
    reference.strip_prefix(&arn(kind, "")).unwrap_or(reference)
}

/// A source of ids, each one only once.
#[derive(Debug, Clone, Default)]
pub(super) struct Ids(u64);

impl Ids {
    /// The ids of one thing, which are the same in every run.
    pub(super) fn of(name: &str) -> Self {
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        }))
    }

    /// A number of 19 digits, like the one in `ecs-svc/1234567890123456789`.
    pub(super) fn number(&mut self) -> u64 {
        1_000_000_000_000_000_000 + self.random() % 8_000_000_000_000_000_000
    }

    /// 32 hexadecimal digits, like the end of a task's ARN.
    pub(super) fn hex(&mut self) -> String {
        format!("{:016x}{:016x}", self.random(), self.random())
    }

    /// A UUID, like an event's id.
    pub(super) fn uuid(&mut self) -> String {
        let hex = self.hex();
        format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
    }

    /// The next number of the generator splitmix64, whose numbers repeat only after all 2^64.
    fn random(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// A stand-in for the digest that a registry would give for this image: the one that the image
/// names, or else one that only depends on the image's name.
pub(crate) fn digest_of(image: &str) -> String {
    match image.split_once('@') {
        Some((_, digest)) => digest.to_owned(),
        None => {
            let mut ids = Ids::of(image);
            format!("sha256:{}{}", ids.hex(), ids.hex())
        }
    }
}
