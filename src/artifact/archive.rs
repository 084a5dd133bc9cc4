//! One file out of a zip archive that may have been made to do harm.

use std::io::{Read, Seek};

use evenkeel_core::image_definitions::{MAX_BYTES, file_name, nearly_named};
use evenkeel_core::image_detail;
use zip::read::{ArchiveOffset, Config, ZipReadOptions};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::end;
use super::fault::{ArtifactFault, Instead};

/// How many bytes the wanted entry may have as it is packed.
pub const MAX_PACKED: u64 = 1 << 20;

/// How many names a message tells.
const TOLD: usize = 10;

/// The bits of a file's mode that tell its kind, and those of a plain file; without any it is one too.
const KIND: u32 = 0o170_000;
const PLAIN_FILE: u32 = 0o100_000;

/// What the other kind of file is called.
const IMAGE_DEFINITIONS: &str = "imagedefinitions.json";

/// The path and the content of the file that stands at `wanted`, or of the only one deeper that is
/// called so.
pub(super) fn find<R: Read + Seek>(mut reader: R, wanted: &str) -> Result<(String, Vec<u8>), ArtifactFault> {
    end::check(&mut reader)?;
    // Nothing stands before the first entry: so there is one place where the end record can point to.
    let from_the_start = Config { archive_offset: ArchiveOffset::Known(0) };
    let mut archive = ZipArchive::with_config(from_the_start, reader).map_err(|error| broken(&error))?;
    if archive.has_duplicate_names() {
        return Err(ArtifactFault::Unsound("two of its entries have the same name".to_owned()));
    }
    // A name that cannot be read is not the wanted one.
    let names: Vec<String> = archive
        .file_names()
        .map(|name| name.map_or_else(|_| String::new(), |name| name.into_owned()))
        .collect();
    if let Some(name) = names.iter().find(|name| claims_to_be(name, wanted) && leads_elsewhere(name)) {
        return Err(ArtifactFault::Unsound(format!("its entry {} leads out of it", shown(name))));
    }
    let at = choose(&names, wanted)?;
    let content = content(&mut archive, at)?;
    Ok((names[at].clone(), content))
}

/// Which of the entries is the wanted one. Old tools of Windows part the names of folders by backslashes.
fn choose(names: &[String], wanted: &str) -> Result<usize, ArtifactFault> {
    let paths: Vec<String> = names.iter().map(|name| name.replace('\\', "/")).collect();
    let all = |is_it: &dyn Fn(&str) -> bool| -> Vec<usize> {
        (0..paths.len()).filter(|at| is_it(&paths[*at])).collect()
    };
    let at_place = |wanted: &str| all(&|path| path == wanted);
    let deeper =
        |wanted: &str| all(&|path| path.strip_suffix(wanted).is_some_and(|rest| rest.ends_with('/')));
    let found = match at_place(wanted) {
        found if found.is_empty() => deeper(wanted),
        found => found,
    };
    match found.as_slice() {
        [at] => Ok(*at),
        [] => {
            let other = match file_name(wanted) {
                IMAGE_DEFINITIONS => image_detail::FILE_NAME,
                _ => IMAGE_DEFINITIONS,
            };
            let others = [at_place(other), deeper(other)].concat();
            let is_file = |path: &&String| !path.ends_with('/');
            let near = names.iter().filter(is_file).find_map(|name| {
                let how = nearly_named(wanted, &name.replace('\\', "/"))?;
                Some(Instead { path: name.clone(), how: Some(how) })
            });
            let other = others.first().map(|at| Instead { path: names[*at].clone(), how: None });
            Err(ArtifactFault::Missing {
                wanted: wanted.to_owned(),
                instead: near.or(other),
                names: told(names.iter()),
            })
        }
        several => {
            let paths = told(several.iter().map(|at| &names[*at]));
            Err(ArtifactFault::Several { wanted: wanted.to_owned(), paths })
        }
    }
}

fn content<R: Read + Seek>(archive: &mut ZipArchive<R>, at: usize) -> Result<Vec<u8>, ArtifactFault> {
    let unsound = |why: String| Err(ArtifactFault::Unsound(why));
    let size = {
        let metadata = archive.metadata();
        let entry = metadata.entry(at).map_err(|error| broken(&error))?;
        let name = shown(&entry.name().map_err(|error| broken(&error))?);
        let kind = entry.unix_mode().unwrap_or(0) & KIND;
        if !entry.is_file() || ![0, PLAIN_FILE].contains(&kind) {
            return unsound(format!("its entry {name} is not a plain file"));
        }
        if entry.encrypted() {
            return unsound(format!("its entry {name} is encrypted"));
        }
        if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
            return unsound(format!("its entry {name} is compressed by {}", entry.compression()));
        }
        if entry.size() > MAX_BYTES as u64 || entry.compressed_size() > MAX_PACKED {
            let size = entry.size().max(entry.compressed_size());
            return unsound(format!(
                "its entry {name} has {size} bytes, more than the {MAX_BYTES} that CodePipeline allows"
            ));
        }
        entry.size()
    };
    let strictly = ZipReadOptions::new().enforce_header_consistency(true);
    let entry = archive.by_index_with_options(at, strictly).map_err(|error| broken(&error))?;
    let mut content = Vec::new();
    // One byte more shows that it is longer than it says.
    entry.take(size + 1).read_to_end(&mut content)?;
    if content.len() as u64 != size {
        return unsound(format!("the file has another number of bytes than the {size} that it says"));
    }
    Ok(content)
}

/// Whether the entry's name is that of the wanted file for any program that unpacks the archive, however it
/// reads folders, drives and the end of a name.
fn claims_to_be(name: &str, wanted: &str) -> bool {
    name.split(['/', '\\', ':', '\0']).any(|part| part == file_name(wanted))
}

/// Whether a program that unpacks the archive could be led out of its folder.
fn leads_elsewhere(name: &str) -> bool {
    let is_drive = name.as_bytes().get(1) == Some(&b':');
    name.starts_with(['/', '\\'])
        || is_drive
        || name.contains('\0')
        || name.split(['/', '\\']).any(|part| part == "..")
}

fn broken(error: &ZipError) -> ArtifactFault {
    ArtifactFault::Unsound(error.to_string())
}

fn told<'a>(names: impl ExactSizeIterator<Item = &'a String>) -> String {
    let count = names.len();
    if count == 0 {
        return "nothing".to_owned();
    }
    let told = names.take(TOLD).map(|name| shown(name)).collect::<Vec<_>>().join(", ");
    if count > TOLD { format!("{told} and {} more", count - TOLD) } else { told }
}

/// A name as a message may show it.
fn shown(name: &str) -> String {
    let cut: String = name.chars().take(100).collect();
    format!("{cut:?}")
}
