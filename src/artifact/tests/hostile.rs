//! Archives that were made to do harm, or came to it.

use std::io::{Cursor, Read, Seek, SeekFrom};

use evenkeel_core::failure::FailureKind;
use evenkeel_core::image_definitions::MAX_BYTES;
use evenkeel_core::job::FailureType;
use zip::ZipWriter;
use zip::unstable::write::FileOptionsExt;
use zip::write::SimpleFileOptions;

use super::bench::{
    ATTRIBUTES, CHECKSUM, COUNTS, DEFINITIONS, DIRECTORY_PLACE, DIRECTORY_SIZE, FLAGS, Forged, METHOD, NAME,
    PACKED_SIZE, PLACE, SIZE, Stored, definitions, large_end, packed, stored,
};
use crate::artifact::fault::ArtifactFault;
use crate::artifact::{Wanted, archive};

/// A hostile archive, and a part of what is said of it.
type Case = (&'static str, Vec<u8>, &'static str);

#[track_caller]
fn all_are_refused(cases: impl IntoIterator<Item = Case>) {
    for (what, archive, reason) in cases {
        let object = Stored::new(archive);
        let failure = object.images(&definitions()).expect_err(what);
        assert_eq!(failure.kind(), FailureKind::Unreadable, "{what}");
        assert_eq!(failure.kind().failure_type(), FailureType::RevisionUnavailable, "{what}");
        let message = failure.to_string();
        let unsound = "the artifact at s3://artifacts/shop/build/1 is not a sound zip archive: ";
        assert!(message.starts_with(unsound), "{what}: {message}");
        assert!(message.contains(reason), "{what}: {message}");
        assert!(message.len() < 500 && !message.contains('\0'), "{what}: {message}");
        assert!(object.requests().len() <= 1 && object.fetched() <= object.size, "{what}");
    }
}

#[test]
fn what_is_no_archive_is_refused() {
    let mut appended = packed(&[("imagedefinitions.json", DEFINITIONS)]);
    appended.extend([b'x'; 70_000]);
    all_are_refused([
        ("an empty object", Vec::new(), "Could not find EOCD"),
        ("one byte", b"P".to_vec(), "Could not find EOCD"),
        ("text", DEFINITIONS.into(), "Could not find EOCD"),
        ("a gzip file", [&[0x1f, 0x8b, 8][..], &[0; 500]].concat(), "Could not find EOCD"),
        ("only an end record", [b"PK\x05\x06".repeat(6), vec![0; 2]].concat(), "Multi-disk"),
        ("an archive and much else behind it", appended, "Could not find EOCD"),
    ]);
}

#[test]
fn a_program_in_front_of_an_archive_makes_it_no_artifact() {
    let archive = packed(&[("imagedefinitions.json", DEFINITIONS)]);
    let extractor = [b"#!/bin/sh\nunzip $0; exit\n".as_slice(), &archive].concat();
    all_are_refused([("a self-extracting archive", extractor, "No CDFH found")]);
}

#[test]
fn the_wanted_file_is_refused_under_a_name_that_leads_out_of_the_archive() {
    let cases = [
        "/imagedefinitions.json",
        "../imagedefinitions.json",
        "a/../imagedefinitions.json",
        "..\\imagedefinitions.json",
        "\\imagedefinitions.json",
        "c:imagedefinitions.json",
        "C:/imagedefinitions.json",
        "C:\\imagedefinitions.json",
        "imagedefinitions.json\0.txt",
    ];
    all_are_refused(cases.map(|name| (name, Forged::renamed(name), "leads out of it")));
    for harmless in ["..imagedefinitions.json", "a../b..c/.../imagedefinitions.json"] {
        let failure = Stored::new(Forged::renamed(harmless)).images(&definitions());
        let told = failure.map_or_else(|failure| failure.to_string(), |images| images.join(" "));
        assert!(!told.contains("leads out of it"), "{harmless}: {told}");
    }
}

#[test]
fn odd_names_of_other_entries_are_ignored() {
    let long = format!("/{}", "ü\u{1b}[2J".repeat(5_000));
    for odd in ["a/..", "..", "\0", "dev-disk-by\\x2duuid.mount", "/etc/passwd", "C:\\a.txt", long.as_str()] {
        let archive = Forged::beside(odd);
        let images = Stored::new(archive).images(&definitions()).unwrap();
        assert_eq!(images, ["app=shop/web:1", "log=shop/log:2"], "{odd:?}");
        let failure = Stored::new(Forged::renamed(odd)).images(&definitions()).unwrap_err().to_string();
        assert!(failure.starts_with("there is no imagedefinitions.json in the artifact"), "{failure}");
        assert!(failure.len() < 500 && !failure.contains(['\0', '\u{1b}']), "{failure}");
    }
}

#[test]
fn the_paths_of_old_tools_of_windows_are_read() {
    for path in
        ["out\\imagedefinitions.json", "build\\out\\imagedefinitions.json", "a/out\\imagedefinitions.json"]
    {
        let images = Stored::new(Forged::renamed(path)).images(&definitions()).unwrap();
        assert_eq!(images, ["app=shop/web:1", "log=shop/log:2"], "{path}");
    }
    let by_path = Wanted {
        file_name: "out/imagedefinitions.json".to_owned(),
        is_optional: false,
        container_name: None,
    };
    let object = Stored::new(Forged::renamed("out\\imagedefinitions.json"));
    assert_eq!(object.images(&by_path).unwrap().len(), 2);
}

#[test]
fn an_entry_that_is_no_plain_file_is_refused() {
    let kind = |mode: u32| Forged::new().central(ATTRIBUTES, (mode << 16).to_le_bytes());
    let mut link = ZipWriter::new(Cursor::new(Vec::new()));
    link.add_symlink("imagedefinitions.json", "/proc/self/environ", SimpleFileOptions::default()).unwrap();
    all_are_refused([
        ("a symbolic link", link.finish().unwrap().into_inner(), "is not a plain file"),
        ("a file that became a link", kind(0o120_777), "is not a plain file"),
        ("a folder by its mode", kind(0o040_755), "is not a plain file"),
        ("a named pipe", kind(0o010_644), "is not a plain file"),
        ("a device", kind(0o020_644), "is not a plain file"),
        ("a disk", kind(0o060_644), "is not a plain file"),
        ("a socket", kind(0o140_644), "is not a plain file"),
    ]);
}

#[test]
fn an_entry_that_is_there_twice_is_refused() {
    let mut archive = packed(&[("imagedefinitions.json", DEFINITIONS), ("imagedefinitions.jsoff", "[]")]);
    while let Some(at) = archive.windows(5).position(|bytes| bytes == b"jsoff") {
        archive[at..at + 5].copy_from_slice(b"json\0");
    }
    all_are_refused([("a name and the same with a NUL", archive, "leads out of it")]);

    let mut archive = packed(&[("imagedefinitions.json", DEFINITIONS), ("imagedefinitions.jsof", "[]")]);
    while let Some(at) = archive.windows(4).position(|bytes| bytes == b"jsof") {
        archive[at..at + 4].copy_from_slice(b"json");
    }
    all_are_refused([("the same name", archive, "two of its entries have the same name")]);
}

#[test]
fn an_entry_that_cannot_be_unpacked_is_refused() {
    let mut encrypted = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().with_deprecated_encryption(b"secret").unwrap();
    encrypted.start_file("imagedefinitions.json", options).unwrap();
    let method = |number: u16| Forged::new().both(METHOD, number.to_le_bytes());
    all_are_refused([
        ("an encrypted file", encrypted.finish().unwrap().into_inner(), "is encrypted"),
        ("a file that says it is", Forged::new().both(FLAGS, [1, 0]), "is encrypted"),
        ("one with strong encryption", Forged::new().both(FLAGS, [0x41, 0]), "is encrypted"),
        ("Deflate64", method(9), "is compressed by"),
        ("bzip2", method(12), "is compressed by"),
        ("LZMA", method(14), "is compressed by"),
        ("Zstandard", method(93), "is compressed by"),
        ("AES", method(99), "is compressed by"),
        ("a method that nobody knows", method(0xffff), "is compressed by"),
        ("stored as deflated", Forged::stored().both(METHOD, [8, 0]), "deflate"),
        ("deflated as stored", Forged::new().both(METHOD, [0, 0]), "archive"),
    ]);
}

#[test]
fn sizes_and_checksums_that_lie_are_not_believed() {
    let size = |size: u32| size.to_le_bytes();
    let length = u32::try_from(DEFINITIONS.len()).unwrap();
    all_are_refused([
        ("another checksum", Forged::new().both(CHECKSUM, [0; 4]), "Invalid checksum"),
        ("longer than it is", Forged::new().both(SIZE, size(length + 1)), "archive"),
        ("shorter than it is", Forged::new().both(SIZE, size(1)), "archive"),
        ("as long as may be", Forged::stored().both(PACKED_SIZE, size(100_000)), "archive"),
        ("four gigabytes", Forged::new().both(SIZE, size(u32::MAX - 1)), "has 4294967294 bytes, more than"),
        (
            "packed as four",
            Forged::new().both(PACKED_SIZE, size(u32::MAX - 1)),
            "has 4294967294 bytes, more than",
        ),
        (
            "a large size that is nowhere",
            Forged::new().both(SIZE, size(u32::MAX)),
            "has 4294967295 bytes, more than",
        ),
        (
            "one byte too long",
            stored("imagedefinitions.json", &" ".repeat(MAX_BYTES + 1)),
            "has 102401 bytes, more than the 102400 that CodePipeline allows",
        ),
    ]);
    let longest = DEFINITIONS.to_owned() + &" ".repeat(MAX_BYTES - DEFINITIONS.len());
    for archive in [packed(&[("imagedefinitions.json", &longest)]), stored("imagedefinitions.json", &longest)]
    {
        assert_eq!(Stored::new(archive).images(&definitions()).unwrap().len(), 2);
    }
}

#[test]
fn a_file_and_its_copy_in_the_directory_must_agree() {
    let twice = packed(&[("other.json", "[]"), ("imagedefinitions.json", DEFINITIONS)]);
    all_are_refused([
        ("another name", Forged::new().local(NAME, *b"I"), "filename mismatch"),
        ("another method", Forged::new().local(METHOD, [0, 0]), "compression method mismatch"),
        ("another size", Forged::new().local(SIZE, [9, 0, 0, 0]), "size mismatch"),
        ("another checksum", Forged::new().local(CHECKSUM, [9, 0, 0, 0]), "CRC32 checksum mismatch"),
        ("only there encrypted", Forged::new().local(FLAGS, [1, 0]), "mismatch"),
        // The place of the first file: the second's would overlap it.
        ("the place of another file", Forged(twice).central(PLACE, [0; 4]), "filename mismatch"),
        ("a place where nothing is", Forged::new().central(PLACE, [1, 0, 0, 0]), "local"),
        ("a place behind the end", Forged::new().central(PLACE, [0xf0, 0xff, 0xff, 0xff]), ""),
    ]);
}

#[test]
fn a_directory_that_is_not_what_the_end_says_is_refused() {
    let archive = Forged::new().0;
    let counts = |count: u16| {
        let [low, high] = count.to_le_bytes();
        Forged(archive.clone()).end(COUNTS, [low, high, low, high])
    };
    let files = archive.len() - 22;
    let large = |place: u64, entries: u64, directory: std::ops::Range<u64>| {
        [&archive[..files], &large_end(place, entries, directory)].concat()
    };
    let here = files as u64;
    all_are_refused([
        ("two entries, of which one is there", counts(2), "archive"),
        ("the most entries", counts(u16::MAX), "archive"),
        ("another count on this disk", Forged(archive.clone()).end(COUNTS, [2, 0]), "Multi-disk"),
        (
            "a place behind the end",
            Forged(archive.clone()).end(DIRECTORY_PLACE, [0xff, 0xff, 0xff, 0x7f]),
            "offset",
        ),
        ("a place in a file", Forged(archive.clone()).end(DIRECTORY_PLACE, [9, 0, 0, 0]), "No CDFH found"),
        ("a large end that is elsewhere", large(here - 1, 1, 0..1), ""),
        ("a large end behind the end", large(u64::MAX, 1, 0..1), "Invalid EOCD64 Locator CD offset"),
        ("one entry too many", large(here, 65_536, 0..here), "it has 65536 entries, more than 65535"),
        ("absurdly many entries", large(here, u64::MAX, 0..here), "it has 18446744073709551615 entries"),
        ("a directory behind everything", large(here, 1, u64::MAX - 9..u64::MAX), ""),
        ("a directory without end", large(here, 1, here..u64::MAX), ""),
    ]);
}

#[test]
fn what_the_directory_says_of_its_size_does_not_matter() {
    let hundred_megabytes = 100_000_000_u32.to_le_bytes();
    let object = Stored::new(Forged::new().end(DIRECTORY_SIZE, hundred_megabytes));
    assert_eq!(object.images(&definitions()).unwrap().len(), 2);
    assert_eq!(object.fetched(), object.size);
}

#[test]
fn an_archive_that_is_cut_off_anywhere_is_refused() {
    for whole in [
        packed(&[("a/b.txt", "b"), ("imagedefinitions.json", DEFINITIONS)]),
        super::bench::streamed("imagedefinitions.json", DEFINITIONS),
    ] {
        for length in 0..whole.len() {
            let failure = Stored::new(whole[..length].to_vec()).images(&definitions()).unwrap_err();
            assert_eq!(failure.kind(), FailureKind::Unreadable, "{length} of {}: {failure}", whole.len());
        }
    }
}

#[test]
fn an_archive_with_any_byte_changed_is_read_or_refused() {
    let whole = packed(&[("a/b.txt", "b"), ("imagedefinitions.json", DEFINITIONS)]);
    for at in 0..whole.len() {
        for value in [0, 1, 0x7f, 0xff, whole[at] ^ 1] {
            let mut changed = whole.clone();
            changed[at] = value;
            match Stored::new(changed).images(&definitions()) {
                Ok(images) => assert_eq!(images.len(), 2, "byte {at} is {value}"),
                Err(failure) => assert_eq!(failure.kind(), FailureKind::Unreadable, "{failure}"),
            }
        }
    }
}

/// Counts what is read of an archive.
struct Counting<'a>(Cursor<&'a [u8]>, &'a mut u64);

impl Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(buffer)?;
        *self.1 += count as u64;
        Ok(count)
    }
}

impl Seek for Counting<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn a_bomb_is_not_unpacked_further_than_a_file_may_be_long() {
    let bomb = packed(&[("imagedefinitions.json", &" ".repeat(256 << 20))]);
    assert!(bomb.len() > 200_000, "{}", bomb.len());
    let claims = |size: u32| Forged(bomb.clone()).both(SIZE, size.to_le_bytes());
    let longest = u32::try_from(MAX_BYTES).unwrap();
    for (what, archive, reason) in [
        ("an honest one", bomb.clone(), "has 268435456 bytes, more than the 102400"),
        ("one that says it is small", claims(100), ""),
        ("one that says it is just small enough", claims(longest), ""),
    ] {
        let mut read = 0;
        let found = archive::find(Counting(Cursor::new(&archive), &mut read), "imagedefinitions.json");
        let Err(ArtifactFault::Unsound(why)) = found else { panic!("{what}: {found:?}") };
        assert!(why.contains(reason), "{what}: {why}");
        // The end with the longest comment, the directory, and a buffer of the file.
        assert!(read < 120_000, "{what}: {read} bytes were read");
        all_are_refused([(what, archive, reason)]);
    }
}
