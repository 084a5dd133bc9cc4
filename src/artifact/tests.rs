//! Artifacts as builds and pipelines make them; what was made to do harm is in `hostile`, what is
//! large in `large`.

mod bench;
mod hostile;
mod large;

use super::*;
use bench::{DEFINITIONS, DETAIL, Stored, definitions, packed};

#[test]
fn the_file_at_the_root_is_read_by_one_request() {
    for archive in [
        packed(&[("imagedefinitions.json", DEFINITIONS)]),
        packed(&[("app/imagedefinitions.json", "not this one"), ("imagedefinitions.json", DEFINITIONS)]),
        bench::streamed("imagedefinitions.json", DEFINITIONS),
        bench::stored("imagedefinitions.json", DEFINITIONS),
        bench::commented("imagedefinitions.json", DEFINITIONS, &"PK\u{5}\u{6} ".repeat(4_000)),
    ] {
        let object = Stored::new(archive);
        assert_eq!(object.images(&definitions()).unwrap(), ["app=shop/web:1", "log=shop/log:2"]);
        assert_eq!((object.requests().len(), object.fetched()), (1, object.size));
    }
}

#[test]
fn a_file_that_stands_deeper_is_found_when_it_is_the_only_one() {
    let archive = packed(&[
        ("build/", ""),
        ("build/out/imagedefinitions.json", DEFINITIONS),
        ("build/old-imagedefinitions.json", "not this one"),
    ]);
    let images = Stored::new(archive).images(&definitions()).unwrap();
    assert_eq!(images, ["app=shop/web:1", "log=shop/log:2"]);
}

#[test]
fn several_files_that_stand_deeper_are_all_named() {
    let archive =
        packed(&[("a/imagedefinitions.json", DEFINITIONS), ("b/c/imagedefinitions.json", DEFINITIONS)]);
    let failure = Stored::new(archive).images(&definitions()).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidInput);
    assert_eq!(
        failure.to_string(),
        "several files in the artifact at s3://artifacts/shop/build/1 are called imagedefinitions.json: \
         \"a/imagedefinitions.json\", \"b/c/imagedefinitions.json\". Set the property `FileName` to the path of \
         one of them"
    );
}

#[test]
fn a_file_that_is_missing_is_told_with_what_is_there() {
    let many: Vec<String> = (0..12).map(|number| format!("file-{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (&**name, "")).collect();
    for (files, held) in [
        (&[][..], "it holds nothing."),
        (&[("app.jar", "")], "it holds \"app.jar\"."),
        (&[("imagedefinitions.json/", "")], "it holds \"imagedefinitions.json/\"."),
        (&many, "\"file-9\" and 2 more."),
    ] {
        let failure = Stored::new(packed(files)).images(&definitions()).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Unreadable);
        let message = failure.to_string();
        let missing = "there is no imagedefinitions.json in the artifact at s3://artifacts/shop/build/1";
        assert!(message.starts_with(missing), "{message}");
        assert!(message.contains(held), "{message}");
        assert!(message.ends_with("Let the build put it there, or set the property `FileName`"), "{message}");
    }
}

#[test]
fn a_file_that_is_probably_meant_is_named_among_all_others() {
    let many: Vec<String> = (0..12).map(|number| format!("file-{number}")).collect();
    for (there, wanted, how) in [
        ("imageDefinitions.json", "imagedefinitions.json", "upper and lower case"),
        ("out/ImageDefinitions.json", "imagedefinitions.json", "upper and lower case"),
        ("imagedefinition.json", "imagedefinitions.json", "the spelling"),
        ("out/image-definitions.json", "imagedefinitions.json", "the spelling"),
        ("imagedetail.json", "imageDetail.json", "upper and lower case"),
        ("build/imagedefinitions.json", "deploy/imagedefinitions.json", "the folder"),
        ("imagedefinitions.json", "deploy/imagedefinitions.json", "the folder"),
    ] {
        let files: Vec<(&str, &str)> = many.iter().map(|name| (&**name, "")).chain([(there, "[]")]).collect();
        let container_name = wanted.ends_with("imageDetail.json").then(|| "app".to_owned());
        let wanted_file = Wanted { file_name: wanted.to_owned(), is_optional: false, container_name };
        let failure = Stored::new(packed(&files)).images(&wanted_file).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Unreadable);
        let advice = format!(
            "There is {there}, whose name differs in {how} only: let the build write {wanted}, or set the property \
             `FileName` to {there}"
        );
        assert!(failure.to_string().ends_with(&advice), "{failure}");
    }
}

#[test]
fn whoever_mixes_the_two_kinds_of_file_up_is_told_so() {
    let wanted = |file_name: &str, container: Option<&str>| Wanted {
        file_name: file_name.to_owned(),
        is_optional: false,
        container_name: container.map(str::to_owned),
    };
    for (there, wanted, advice) in [
        (
            "imageDetail.json",
            definitions(),
            "There is imageDetail.json: set the property `FileName` to it, and `ContainerName` to the container \
             that it is for",
        ),
        (
            "ecr/imageDetail.json",
            wanted("deploy/images.json", None),
            "Let the build put it there, or set the property `FileName`",
        ),
        (
            "ecr/imageDetail.json",
            definitions(),
            "There is ecr/imageDetail.json: set the property `FileName` to it, and `ContainerName` to the \
             container that it is for",
        ),
        (
            "imagedefinitions.json",
            wanted("imageDetail.json", Some("app")),
            "There is imagedefinitions.json: set the property `FileName` to it, or leave `FileName` out",
        ),
        (
            "imagedefinitions.json",
            wanted("deploy/images.json", None),
            "There is imagedefinitions.json: set the property `FileName` to it, or leave `FileName` out",
        ),
    ] {
        let failure = Stored::new(packed(&[(there, "{}")])).images(&wanted).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Unreadable);
        assert!(failure.to_string().ends_with(advice), "{failure}");
    }
}

#[test]
fn an_image_detail_is_for_the_container_that_is_named() {
    for path in ["imageDetail.json", "ecr/imageDetail.json"] {
        let wanted =
            Wanted { file_name: path.to_owned(), is_optional: false, container_name: Some("app".to_owned()) };
        let object = Stored::new(packed(&[(path, DETAIL)]));
        assert_eq!(object.images(&wanted).unwrap(), ["app=shop/web:3"]);
    }
}

#[test]
fn an_image_detail_for_no_container_is_refused_before_anything_is_asked_for() {
    let object = Stored::new(packed(&[("imageDetail.json", DETAIL)]));
    let wanted =
        Wanted { file_name: "imageDetail.json".to_owned(), is_optional: false, container_name: None };
    let failure = object.images(&wanted).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidInput);
    assert!(failure.to_string().ends_with("Give the container by the property `ContainerName`"), "{failure}");
    assert_eq!((object.heads(), object.requests()), (0, Vec::new()));
}

#[test]
fn a_file_of_another_name_is_found_by_its_path() {
    let archive = packed(&[
        ("a/images.json", "not this one"),
        ("deploy/images.json", DEFINITIONS),
        ("imagedefinitions.json", "not this one"),
    ]);
    // The container is for the other kind of file: it is not looked at.
    let wanted = Wanted {
        file_name: "deploy/images.json".to_owned(),
        is_optional: false,
        container_name: Some("app".to_owned()),
    };
    let images = Stored::new(archive).images(&wanted).unwrap();
    assert_eq!(images, ["app=shop/web:1", "log=shop/log:2"]);
}

#[test]
fn a_file_that_is_not_understood_is_told_with_its_place_in_the_artifact() {
    for (path, wanted) in [
        ("out/imagedefinitions.json", definitions()),
        (
            "out/imageDetail.json",
            Wanted {
                file_name: "imageDetail.json".to_owned(),
                is_optional: false,
                container_name: Some("app".to_owned()),
            },
        ),
    ] {
        let failure = Stored::new(packed(&[(path, "")])).images(&wanted).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::InvalidInput);
        let place = format!("{path} in s3://artifacts/shop/build/1");
        assert!(failure.to_string().starts_with(&place), "{failure}");
    }
}

#[test]
fn an_artifact_that_is_not_there_is_told_as_such() {
    let failure = Stored::nothing().images(&definitions()).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Unreadable);
    assert_eq!(
        failure.to_string(),
        "there is no artifact at s3://artifacts/shop/build/1. Run the pipeline again from the action that makes it"
    );
}

#[test]
fn what_s3_says_of_a_change_while_it_is_read_is_passed_on() {
    for kind in [FailureKind::Unreadable, FailureKind::Denied, FailureKind::Unavailable] {
        let changed = Failure::new(kind, "it changed while it was read");
        let object = Stored::new(packed(&[("imagedefinitions.json", DEFINITIONS)])).refusing(changed);
        let failure = object.images(&definitions()).unwrap_err();
        assert_eq!((failure.kind(), failure.to_string()), (kind, "it changed while it was read".to_owned()));
    }
}

#[test]
fn an_answer_of_another_length_than_was_asked_for_is_not_believed() {
    let archive = packed(&[("imagedefinitions.json", DEFINITIONS)]);
    let size = archive.len();
    for length in [0, 1, size - 1, size + 1] {
        let object = Stored::new(archive.clone()).answering(length);
        let failure = object.images(&definitions()).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Unreadable);
        assert!(failure.to_string().contains("S3 gave another number of bytes"), "{failure}");
        assert_eq!(object.requests().len(), 1);
    }
}

#[test]
fn what_is_packed_can_be_read_and_is_the_same_every_time() {
    let files = [("imagedefinitions.json", DEFINITIONS.into()), ("a/report.json", vec![b' '; 10_000])];
    let archive = output_artifact(&files).unwrap();
    assert_eq!(output_artifact(&files).unwrap(), archive);
    assert!(archive.len() < 1_000, "{}", archive.len());
    for (path, content) in &files {
        let found = archive::find(std::io::Cursor::new(&archive), path).unwrap();
        assert_eq!(found, ((*path).to_owned(), content.clone()));
    }
    assert_eq!(Stored::new(archive).images(&definitions()).unwrap().len(), 2);
}

#[test]
fn a_path_that_is_used_twice_is_a_bug_of_the_packer() {
    let failure = output_artifact(&[("a", Vec::new()), ("a", Vec::new())]).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Bug);
}
