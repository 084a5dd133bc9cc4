//! Artifacts of gigabytes, of which the most are zeros that nobody stores.

use evenkeel_core::failure::FailureKind;

use super::bench::{
    DEFINITIONS, DIRECTORY_PLACE, Forged, PLACE, Stored, definitions, large_end, listed, packed,
};
use crate::artifact::{MAX_ENTRIES, MAX_FETCHED, Wanted};

const MEGABYTE: u64 = 1 << 20;
const GIGABYTE: u64 = 1 << 30;

/// The most that one request asks for.
const MAX_REQUEST: u64 = 2 * MEGABYTE;

/// A file at this place, and its entry in a directory.
fn file(place: u64) -> (Vec<u8>, Vec<u8>) {
    let archive = Forged::new().0;
    let split = archive.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    let place = u32::try_from(place).unwrap().to_le_bytes();
    let forged = Forged(archive).central(PLACE, place);
    (forged[..split].to_vec(), forged[split..forged.len() - 22].to_vec())
}

/// An archive of `size` bytes whose directory has so many entries; the wanted file stands at `place`.
fn archive(size: u64, entries: usize, place: u64) -> Stored {
    let (file, mut directory) = file(place);
    for number in 1..entries {
        directory.extend(listed(&format!("node_modules/a-library-of-others/{number:07}.js"), 0));
    }
    let count = u16::try_from(entries).unwrap().to_le_bytes();
    let length = u32::try_from(directory.len()).unwrap();
    let begin = u32::try_from(size).unwrap() - length - 22;
    directory.extend(b"PK\x05\x06\0\0\0\0");
    directory.extend([count, count].concat());
    directory.extend([length.to_le_bytes(), begin.to_le_bytes()].concat());
    directory.extend([0, 0]);
    Stored::sparse(size, [(place, file), (u64::from(begin), directory)])
}

#[test]
fn a_gigabyte_is_read_by_two_requests() {
    for place in [0, GIGABYTE / 2, GIGABYTE - MEGABYTE] {
        let object = archive(GIGABYTE, 500, place);
        assert_eq!(object.images(&definitions()).unwrap(), ["app=shop/web:1", "log=shop/log:2"]);
        assert_eq!(object.requests().len(), 2, "{:?}", object.requests());
        assert!(object.fetched() < MEGABYTE, "{:?}", object.requests());
    }
}

#[test]
fn a_long_directory_takes_few_requests() {
    let object = archive(GIGABYTE, MAX_ENTRIES, GIGABYTE / 2);
    assert_eq!(object.images(&definitions()).unwrap().len(), 2);
    assert!(object.requests().len() <= 10, "{:?}", object.requests());
    assert!(object.largest_request() <= MAX_REQUEST, "{:?}", object.requests());
}

#[test]
fn nothing_is_asked_for_twice() {
    let object = archive(GIGABYTE, MAX_ENTRIES, GIGABYTE / 2);
    object.images(&definitions()).unwrap();
    let mut requests = object.requests();
    requests.sort_by_key(|range| range.start);
    assert!(requests.is_sorted_by(|former, latter| former.end <= latter.start), "{requests:?}");
}

#[test]
fn an_archive_beyond_four_gigabytes_is_read() {
    let size = 6 * GIGABYTE;
    let (file, directory) = file(MEGABYTE);
    let begin = size - MEGABYTE;
    let end = begin + directory.len() as u64;
    let tail = [directory, large_end(end, 1, begin..end)].concat();
    let size = begin + tail.len() as u64;
    let object = Stored::sparse(size, [(MEGABYTE, file), (begin, tail)]);
    assert_eq!(object.images(&definitions()).unwrap().len(), 2);
    assert!(object.requests().len() <= 3, "{:?}", object.requests());
}

#[test]
fn only_a_piece_of_a_file_that_nobody_wants_is_read() {
    let object = archive(GIGABYTE, 10, 0);
    let wanted = Wanted { file_name: "elsewhere.json".to_owned(), ..definitions() };
    let failure = object.images(&wanted).unwrap_err();
    assert!(failure.to_string().contains("There is imagedefinitions.json"), "{failure}");
    assert_eq!(object.requests().len(), 1);
}

/// A large object whose end says this of a directory.
fn claiming(size: u64, entries: u64, directory: std::ops::Range<u64>) -> Stored {
    let end = large_end(size - 98, entries, directory);
    assert_eq!(end.len(), 98);
    Stored::sparse(size, [(size - 98, end)])
}

#[test]
fn what_a_large_archive_claims_costs_neither_memory_nor_requests() {
    let mut with_extensions = large_end(GIGABYTE, 1, 0..1);
    // As if what is between the record and its locator were a part of it.
    with_extensions[4..12].copy_from_slice(&(4 * GIGABYTE + 44).to_le_bytes());
    let size = 5 * GIGABYTE + 42;
    let extended = Stored::sparse(
        size,
        [(GIGABYTE, with_extensions[..56].to_vec()), (size - 42, with_extensions[56..].to_vec())],
    );
    for (what, object, reason) in [
        ("nothing but zeros", Stored::sparse(GIGABYTE, []), "Could not find EOCD"),
        (
            "more than CodePipeline takes",
            Stored::sparse(7 * GIGABYTE + 1, []),
            "more than 7516192768 are not read",
        ),
        ("as much as there can be", Stored::sparse(u64::MAX, []), "more than 7516192768 are not read"),
        (
            "room for a hundred million entries",
            claiming(6 * GIGABYTE, 100_000_000, MEGABYTE..5 * GIGABYTE),
            "it has 100000000 entries, more than 65535",
        ),
        ("room for extensions", extended, "its end record has extensions"),
        ("a directory of zeros", claiming(GIGABYTE, 1_000, MEGABYTE..101 * MEGABYTE), "Central Directory"),
        ("a directory behind the end", claiming(GIGABYTE, 1, 2 * GIGABYTE..3 * GIGABYTE), ""),
    ] {
        let failure = object.images(&definitions()).expect_err(what);
        assert_eq!(failure.kind(), FailureKind::Unreadable, "{what}");
        assert!(failure.to_string().contains(reason), "{what}: {failure}");
        assert!(object.requests().len() <= 3, "{what}: {:?}", object.requests());
        assert!(object.fetched() <= MEGABYTE, "{what}: {:?}", object.requests());
    }
}

#[test]
fn a_directory_that_is_a_hundred_megabytes_long_is_given_up() {
    let (name, comment, entries) = ("comments-of-zeros", u16::MAX, 1_600_u64);
    let step = listed(name, comment).len() as u64 + u64::from(comment);
    let names =
        (0..entries).map(|number| (number * step, listed(&format!("{name}-{number:04}")[5..], comment)));
    let end = [large_end(entries * step, entries, 0..entries * step)];
    let object =
        Stored::sparse(entries * step + 98, names.chain(end.into_iter().map(|end| (entries * step, end))));
    assert!(object.size > 100_000_000);
    let failure = object.images(&definitions()).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Unreadable);
    let reason = "its directory and the file take more than 16777216 bytes";
    assert!(failure.to_string().contains(reason), "{failure}");
    assert_eq!(object.fetched(), MAX_FETCHED);
    assert!(object.requests().len() <= 16, "{:?}", object.requests());
    assert!(object.largest_request() <= MAX_REQUEST, "{:?}", object.requests());
}

#[test]
fn more_entries_than_are_read_are_refused_though_they_are_there() {
    let entries = MAX_ENTRIES + 1;
    let mut archive: Vec<u8> = (0..entries).flat_map(|number| listed(&number.to_string(), 0)).collect();
    let end = archive.len() as u64;
    archive.extend(large_end(end, entries as u64, 0..end));
    let object = Stored::new(archive);
    let failure = object.images(&definitions()).unwrap_err();
    assert!(failure.to_string().contains("it has 65536 entries, more than 65535"), "{failure}");
    assert_eq!(object.requests().len(), 1);
}

#[test]
fn a_small_archive_with_a_large_end_is_read() {
    let archive = packed(&[("imagedefinitions.json", DEFINITIONS)]);
    let (files, end) = archive.split_at(archive.len() - 22);
    let begin = u32::from_le_bytes(*end[DIRECTORY_PLACE..].first_chunk().unwrap());
    let directory = u64::from(begin)..files.len() as u64;
    let large = [files, &large_end(files.len() as u64, 1, directory)].concat();
    assert_eq!(Stored::new(large).images(&definitions()).unwrap().len(), 2);
}
