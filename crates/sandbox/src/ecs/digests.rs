//! What a registry answers when ECS asks it for the digest of an image.

use std::collections::BTreeMap;

use evenkeel_core::timestamp::Timestamp;

use super::ids::digest_of;
use crate::{ACCOUNT, REGION};

/// The digests of the tags in ECR, by the image's whole name: the newest last, each with its time.
#[derive(Debug, Clone, Default)]
pub(super) struct Digests(BTreeMap<String, Vec<(Timestamp, String)>>);

impl Digests {
    /// From now on the tag of this repository in ECR names this digest.
    pub(super) fn push(&mut self, repository: &str, tag: &str, digest: &str, now: Timestamp) {
        let image = format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{repository}:{tag}");
        self.0.entry(image).or_default().push((now, digest.to_owned()));
    }

    /// The digest that an image had at a time. One that was never pushed has one that only depends
    /// on its name.
    pub(super) fn at(&self, image: &str, time: Timestamp) -> String {
        let pushed = self.0.get(image).into_iter().flatten();
        let newest = pushed.take_while(|(at, _)| *at <= time).last();
        newest.map_or_else(|| digest_of(image), |(_, digest)| digest.clone())
    }
}
