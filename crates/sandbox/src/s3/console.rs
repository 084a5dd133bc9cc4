//! What a test or a console does with S3, besides the calls that travel.

use super::S3;
use super::bucket::{Bucket, Object};
use super::content::Content;
use crate::Sandbox;

impl Sandbox {
    /// Makes a bucket, or empties it. With `demands_kms` its policy refuses objects that are not to
    /// be encrypted by KMS, as that of a pipeline's artifact bucket does.
    pub fn create_bucket(&self, name: &str, demands_kms: bool) {
        let bucket = Bucket { demands_kms, ..Bucket::default() };
        self.state().s3.buckets.insert(name.to_owned(), bucket);
    }

    /// Gives a bucket Object Lock with a default retention: it takes no object without a checksum. Makes the
    /// bucket if there is none.
    pub fn lock_objects(&self, name: &str) {
        self.state().s3.bucket(name).is_locked = true;
    }

    /// Puts a bucket into another Region: a request to any other Region is redirected. Makes the bucket if there
    /// is none.
    pub fn move_bucket(&self, name: &str, region: &str) {
        self.state().s3.bucket(name).region = Some(region.to_owned());
    }

    /// Puts an object into a bucket, whatever its policy says. Makes the bucket if there is none.
    pub fn put_object(&self, bucket: &str, key: &str, content: Vec<u8>) {
        self.put_content(bucket, key, Content::whole(content));
    }

    /// Puts an object of `size` bytes into a bucket that are zero but for some pieces, each at its
    /// place; it takes no more memory than they do.
    pub fn put_sparse_object(&self, bucket: &str, key: &str, size: u64, pieces: Vec<(u64, Vec<u8>)>) {
        self.put_content(bucket, key, Content::sparse(size, pieces));
    }

    /// An object's content.
    #[must_use]
    pub fn object(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let state = self.state();
        let content = &state.s3.buckets.get(bucket)?.objects.get(key)?.content;
        Some(content.read(0..content.len()))
    }

    /// The keys of a bucket's objects.
    #[must_use]
    pub fn objects(&self, bucket: &str) -> Vec<String> {
        let state = self.state();
        state.s3.buckets.get(bucket).map(|it| it.objects.keys().cloned().collect()).unwrap_or_default()
    }

    /// How an object was asked to be encrypted: the algorithm, and the key's id if one was named.
    #[must_use]
    pub fn encryption_of(&self, bucket: &str, key: &str) -> Option<(String, Option<String>)> {
        self.state().s3.buckets.get(bucket)?.objects.get(key)?.encryption.clone()
    }

    fn put_content(&self, bucket: &str, key: &str, content: Content) {
        self.state().s3.bucket(bucket).objects.insert(key.to_owned(), Object::new(content));
    }
}

impl S3 {
    /// The bucket, which is made if there is none.
    fn bucket(&mut self, name: &str) -> &mut Bucket {
        self.buckets.entry(name.to_owned()).or_default()
    }
}
