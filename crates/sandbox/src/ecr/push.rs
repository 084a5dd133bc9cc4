//! Pushing an image: its manifests, and the layers that they name.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Ecr, Image, LAYERS, Repository};
use crate::Sandbox;
use crate::ecs::digest_of;
use crate::request::without_nulls;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

impl Sandbox {
    /// Pushes an image for these platforms, such as `linux/amd64` or `linux/arm64/v8`, into a
    /// repository, which is made if there is none; gives its digest, which the tag names from now on.
    /// For one platform it is a single manifest, for several an index of one each. Every push makes
    /// another image. A task that starts afterwards runs it, if that is how its image is named:
    /// `123456789012.dkr.ecr.eu-west-1.amazonaws.com/repository:tag`.
    pub fn push_image(&self, repository: &str, tag: &str, platforms: &[&str]) -> String {
        let mut state = self.state();
        let pushed = state.ecr.push(repository, tag, platforms);
        state.ecs.push_image(repository, tag, &pushed.digest, self.clock.now());
        drop(state);
        for (digest, config) in pushed.configs {
            self.put_object(LAYERS, &digest, config.into_bytes());
        }
        pushed.digest
    }

    /// Makes a pull-through cache rule: a repository below `prefix` is fetched from another registry when it is
    /// pulled, and is not there before. `ROOT` stands for all.
    pub fn add_pull_through_rule(&self, prefix: &str) {
        self.state().ecr.pull_through.insert(prefix.to_owned());
    }

    /// Lets a tag that was pushed be there only after this time, as replication into this Region does.
    pub fn replicate_late(&self, repository: &str, tag: &str, after: Duration) {
        let at = self.clock.now().plus(after);
        self.state().ecr.repository(repository).replicated.insert(tag.to_owned(), at);
    }

    /// Answers the look for a tag by this code of `ImageFailure` and this reason.
    pub fn fail_image(&self, repository: &str, tag: &str, code: &str, reason: &str) {
        let failure = (code.to_owned(), reason.to_owned());
        self.state().ecr.repository(repository).failures.insert(tag.to_owned(), failure);
    }
}

/// What was pushed.
struct Pushed {
    digest: String,
    /// The configuration of each platform's image, with its digest.
    configs: Vec<(String, String)>,
}

impl Ecr {
    /// The repository, which is made if there is none.
    fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }

    fn push(&mut self, repository: &str, tag: &str, platforms: &[&str]) -> Pushed {
        self.pushes += 1;
        let content = format!("{repository}, push {}", self.pushes);
        let repository = self.repository(repository);
        let (mut configs, mut manifests) = (Vec::new(), Vec::new());
        for name in platforms {
            let platform = platform(name);
            let config = platform.to_string();
            let config_digest = digest_of(&format!("{content} for {name}"));
            let layer = digest_of(&format!("{content} for {name}, layer"));
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": { "mediaType": CONFIG, "size": config.len(), "digest": config_digest },
                "layers": [{ "mediaType": LAYER, "size": 32, "digest": layer }],
            });
            repository.layers.extend([config_digest.clone(), layer]);
            let (digest, size) = repository.add(MANIFEST, &manifest);
            manifests
                .push(json!({ "mediaType": MANIFEST, "size": size, "digest": digest, "platform": platform }));
            configs.push((config_digest, config));
        }
        let digest = match manifests.as_slice() {
            [single] => single["digest"].as_str().unwrap_or_default().to_owned(),
            several => {
                let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": several });
                repository.add(INDEX, &index).0
            }
        };
        repository.tags.insert(tag.to_owned(), digest.clone());
        Pushed { digest, configs }
    }
}

impl Repository {
    /// Adds an image; gives its digest, which only depends on the manifest, and the manifest's size.
    fn add(&mut self, media_type: &'static str, manifest: &Value) -> (String, usize) {
        let manifest = manifest.to_string();
        let (digest, size) = (digest_of(&manifest), manifest.len());
        self.images.insert(digest.clone(), Image { media_type, manifest });
        (digest, size)
    }
}

/// `os/architecture`, or `os/architecture/variant`.
fn platform(name: &str) -> Value {
    let mut parts = name.splitn(3, '/');
    let (os, architecture) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    without_nulls(json!({ "architecture": architecture, "os": os, "variant": parts.next() }))
}
