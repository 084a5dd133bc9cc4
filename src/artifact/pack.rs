//! Packing files into an artifact.

use std::io::{Cursor, Write};

use evenkeel_core::failure::{Failure, FailureKind};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// A zip archive of these files, by path and content. The same files give the same bytes.
///
/// # Errors
/// [`FailureKind::Bug`] if the paths are not ones that an archive can have.
pub fn output_artifact(files: &[(&str, Vec<u8>)]) -> Result<Vec<u8>, Failure> {
    pack(files).map_err(|error| {
        Failure::new(FailureKind::Bug, "the output artifact could not be packed").caused_by(error)
    })
}

fn pack(files: &[(&str, Vec<u8>)]) -> Result<Vec<u8>, anyhow::Error> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content) in files {
        writer.start_file(*path, options)?;
        writer.write_all(content)?;
    }
    Ok(writer.finish()?.into_inner())
}
