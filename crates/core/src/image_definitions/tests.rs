use super::*;
use crate::failure::FailureKind;

const HASH: &str = "94afd1f2e64d908bc90dbca0035a5b567abcdef00123456789abcdef01234567";

fn read(text: &str) -> Result<Images, Failure> {
    parse("imagedefinitions.json", text.as_bytes(), Runner::Other)
}

/// The whole message of a refusal, which is always a mistake in the input.
fn refusal(bytes: impl AsRef<[u8]>) -> String {
    let failure = parse("f.json", bytes.as_ref(), Runner::Other).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidInput);
    failure.to_string()
}

fn assert_refused(text: &str, begins: &str) {
    let message = refusal(text);
    assert!(message.starts_with(begins), "\n   found {message}\nexpected {begins}");
    assert!(message.contains(". "), "no advice in {message}");
}

#[test]
fn every_entry_gives_a_container_its_image() {
    let images = read(&format!(
        r#"[
            {{"name": "app", "imageUri": "localhost:5000/app@sha256:{HASH}"}},
            {{"imageUri": "proxy:1", "name": "pr\u006fxy"}}
        ]"#
    ))
    .unwrap();
    let read: Vec<_> = images.iter().map(|(name, image)| (name, image.to_string())).collect();
    assert_eq!(read, [("app", format!("localhost:5000/app@sha256:{HASH}")), ("proxy", "proxy:1".to_owned())]);
}

#[test]
fn a_byte_order_mark_changes_nothing() {
    let plain = r#"[{"name":"app","imageUri":"app:1"}]"#;
    assert_eq!(read(&format!("\u{feff}{plain}")).unwrap(), read(plain).unwrap());
    assert_refused("\u{feff}[1]", "f.json:1:2: entry 1 (counted from 1) is a number");
    assert!(refusal(b"\xef\xbb\xbf[\xff]").starts_with("f.json:1:2: a byte that is not UTF-8"));
}

#[test]
fn unknown_members_are_ignored_repeated_ones_too() {
    let images = read(r#"[{"a":{"name":1},"name":"app","a":[2],"imageUri":"app:1","tag":null}]"#).unwrap();
    assert_eq!(images.get("app").unwrap().as_str(), "app:1");
}

#[test]
fn the_largest_file_is_read_and_one_byte_more_is_refused() {
    let entry = r#"[{"name":"app","imageUri":"app:1"}]"#;
    let largest = format!("{entry}{}", " ".repeat(102_400 - entry.len()));
    assert_eq!(read(&largest).unwrap().len(), 1);
    assert_refused(&format!("{largest} "), "f.json:1:1: the file has 102401 bytes, more than the 102400");
}

#[test]
fn bytes_that_are_not_utf_8_are_found_where_they_stand() {
    let message = refusal(b"[\n {\"name\": \"gr\xc3\xb6\xdfe\"}]");
    assert!(message.starts_with("f.json:2:15: a byte that is not UTF-8"), "{message}");
    let message = refusal(b"\xff\xfe[\0]\0");
    assert!(message.starts_with("f.json:1:1: the file is UTF-16. Write it as UTF-8"), "{message}");
}

#[test]
fn what_is_no_array_of_entries_is_refused() {
    for (text, begins) in [
        ("", "f.json:1:1: there is nothing in the file. Write a JSON array"),
        (" \n ", "f.json:1:1: there is nothing in the file"),
        ("\n []", "f.json:2:2: the array names no container"),
        ("\n  \"app\"", "f.json:2:3: found a string, not an array"),
        ("null", "f.json:1:1: found null, not an array"),
        (
            r#"{"name":"app","imageUri":"app:1"}"#,
            r#"f.json:1:1: found one entry without the brackets of an array. Put the entry in brackets: [{"name""#,
        ),
        (r#"{"app":"app:1"}"#, "f.json:1:1: found an object, not an array. Write a JSON array"),
        (
            r#"[{"name":"app","imageUri":"app:1"}, "x"]"#,
            "f.json:1:37: entry 2 (counted from 1) is a string, not an object",
        ),
        ("[[]]", "f.json:1:2: entry 1 (counted from 1) is an array, not an object"),
        ("[true]", "f.json:1:2: entry 1 (counted from 1) is a boolean, not an object"),
    ] {
        assert_refused(text, begins);
    }
}

#[test]
fn image_detail_json_is_known_and_what_to_do_is_said() {
    for text in [
        r#"{"ImageURI":"123456789012.dkr.ecr.eu-west-1.amazonaws.com/app@sha256:0"}"#,
        r#"{"ImageSizeInBytes":"1","RepositoryName":"app","ImageURI":"app:1","ImageTags":["1"]}"#,
    ] {
        assert_refused(text, "f.json:1:1: found an object like CodePipeline's imageDetail.json");
        assert!(refusal(text).contains(
            "imageDetail.json names no container. Say which container gets the image with --image"
        ));
    }
}

#[test]
fn text_that_is_not_json_is_refused_where_it_breaks() {
    for (text, begins) in [
        (r#"[{"name":"app","imageUri":"app:1"}"#, "f.json:1:34: not valid JSON: EOF while parsing a list"),
        (
            "[{\"name\":\"app\",\n\"imageUri\":\"app",
            "f.json:2:15: not valid JSON: EOF while parsing a string",
        ),
        ("[\n{\"name\" \"app\"}]", "f.json:2:9: not valid JSON: expected `:`"),
        ("[\n{\"größe\":1 2}]", "f.json:2:12: not valid JSON: expected `,` or `}`"),
        (
            r#"[{"name":"app","imageUri":"app:1"},]"#,
            "f.json:1:36: not valid JSON: a comma stands before the end. ",
        ),
        ("[1 2]", "f.json:1:4: not valid JSON: expected `,` or `]`"),
        ("[{\"name\":\n \"\\ud800\"}]", "f.json:2:"),
        ("[{\n\"\\ud800\":1}]", "f.json:2:"),
    ] {
        assert_refused(text, begins);
    }
}

#[test]
fn every_beginning_of_a_file_is_refused_and_its_end_is_named() {
    let text = "[{\"name\":\"größe\",\n\"imageUri\":\"app:1\"}]\n".trim_end();
    for cut in (1..text.len()).filter(|&cut| text.is_char_boundary(cut)) {
        let beginning = &text[..cut];
        let line = beginning.matches('\n').count() + 1;
        let message = refusal(beginning);
        assert!(message.starts_with("f.json:") && message.contains("EOF"), "{beginning:?}: {message}");
        let named: usize = message.split(':').nth(1).unwrap().parse().unwrap();
        assert_eq!(named, line, "{beginning:?}: {message}");
    }
}

#[test]
fn a_member_that_is_missing_empty_repeated_or_no_text_is_named() {
    for (entry, begins) in [
        (r#"{"imageUri":"app:1"}"#, r#"1 has no member "name". Write every entry as {"name""#),
        (r#"{"name":"app"}"#, r#"1 has no member "imageUri". Write"#),
        (
            r#"{"name":"app","imageURI":"app:1"}"#,
            r#"1 has no member "imageUri", though one "imageURI"; upper and lower case count"#,
        ),
        (r#"{"name":"","imageUri":"app:1"}"#, r#"9 has an empty string as "name""#),
        (
            r#"{"name":"app","imageUri":""}"#,
            r#"26 has an empty string as "imageUri" of container "app". Was"#,
        ),
        (r#"{"name":7,"imageUri":"app:1"}"#, r#"9 has a number as "name", not a string"#),
        (r#"{"name":"app","imageUri":null}"#, r#"26 has null as "imageUri", not a string"#),
        (r#"{"name":"app","imageUri":["app:1"]}"#, r#"26 has an array as "imageUri", not a string"#),
        (r#"{"name":"app","name":"app","imageUri":"app:1"}"#, r#"22 has the member "name" twice"#),
        (r#"{"name":"app","imageUri":"a","imageUr\u0069":"a"}"#, r#"46 has the member "imageUri" twice"#),
    ] {
        let (column, what) = begins.split_once(' ').unwrap();
        let text = format!("[{{\"name\":\"first\",\"imageUri\":\"first:1\"}},\n{entry}]");
        assert_refused(&text, &format!("f.json:2:{column}: entry 2 (counted from 1) {what}"));
    }
}

#[test]
fn a_container_named_twice_is_an_error_that_names_both_entries() {
    for second in ["app:2", "app:1"] {
        let text = format!(
            r#"[
  {{"name": "app", "imageUri": "app:1"}},
  {{"name": "web", "imageUri": "web:1"}},
  {{"name": "app", "imageUri": "{second}"}}
]"#
        );
        let what = format!(
            r#"entry 3 (counted from 1) and entry 1 both name container "app": app:1 and {second}. Name"#
        );
        assert_refused(&text, &format!("f.json:4:3: {what}"));
    }
}

#[test]
fn an_image_that_ecs_would_refuse_is_named_with_its_container() {
    assert_refused(
        r#"[{"name":"app","imageUri":"app:1\n"}]"#,
        r#"f.json:1:27: entry 1 (counted from 1) for container "app": image "app:1\n" has a line break as its character 6"#,
    );
    assert_refused(
        r#"[{"name":"app","imageUri":"app:"}]"#,
        r#"f.json:1:27: entry 1 (counted from 1) for container "app": image "app:" ends in a colon without a tag"#,
    );
    let long = format!(r#"[{{"name":"app","imageUri":"{}"}}]"#, "ä".repeat(5_000));
    assert!(refusal(long).chars().count() < 700);
}

#[test]
fn a_near_miss_is_named_with_what_to_write() {
    let entry = r#"{"name":"app","imageUri":"app:1"}"#;
    for (text, what, next) in [
        (
            format!("[{entry}][{entry}]"),
            "1:36: not valid JSON: two arrays stand one after the other",
            "appends with >>",
        ),
        (
            format!("[{entry}],[{entry}]"),
            "1:36: not valid JSON: two arrays stand one after the other",
            "Write the file once",
        ),
        (
            format!("[{entry}]\n[]\n"),
            "2:1: not valid JSON: two arrays stand one after the other",
            "Write the file once",
        ),
        (
            format!("{entry}\n{entry}"),
            "2:1: not valid JSON: objects stand one after the other",
            "Write a JSON array",
        ),
        (format!("[{entry}] done"), "1:37: not valid JSON: something stands behind the array", "Remove what"),
        (
            r#"[{"name":"app","imageUri":"app:1"]"#.to_owned(),
            "1:34: not valid JSON: an object is closed by ]",
            "every entry by }",
        ),
        (format!("[{entry}}}"), "1:35: not valid JSON: the array is closed by }", "the array by ]"),
        (
            format!("'[{entry}]'"),
            "1:1: not valid JSON: the file begins with a single quotation mark",
            "cmd keeps single quotes",
        ),
        (
            r#"[{'name':'app'}]"#.to_owned(),
            "1:3: not valid JSON: a single quotation mark stands where",
            "double quotation",
        ),
        (
            "[{name:app,imageUri:r/app:1}]".to_owned(),
            "1:3: not valid JSON: names and values have no quotation marks",
            "The shell took",
        ),
        ("[name:app] [imageUri:r/app:1]".to_owned(), "1:", "The shell took the quotation marks"),
        ("- name: app\n  imageUri: app:1\n".to_owned(), "1:", "Write a JSON array"),
        (
            "[{\"name\":\"app\",\"imageUri\":\"app:1\r\"}]".to_owned(),
            "1:33: not valid JSON: a carriage return stands inside a text",
            "tr -d '\\r'",
        ),
        (
            r#"[{"name":"app","imageUri":"app:1\r"}]"#.to_owned(),
            "1:27: entry 1 (counted from 1) for container \"app\": image \"app:1\\r\" has a carriage return as its character 6",
            "tr -d '\\r'",
        ),
        (
            format!("\"{}\"", format!("[{entry}]").replace('"', "\\\"")),
            "1:1: found the array as a string",
            "Write the array itself",
        ),
    ] {
        let message = refusal(&text);
        assert!(
            message.starts_with(&format!("f.json:{what}")),
            "\n{text}\n   found {message}\nexpected {what}"
        );
        assert!(message.contains(next), "{message}");
    }
}

#[test]
fn a_member_under_another_name_is_named() {
    for (key, hint) in [
        ("imageUrl", ", though one \"imageUrl\". Write"),
        ("image", ", though one \"image\". Write"),
        ("image_uri", ", though one \"image_uri\". Write"),
        ("IMAGEURI", ", though one \"IMAGEURI\"; upper and lower case count. Write"),
    ] {
        let text = format!(r#"[{{"name":"app","{key}":"app:1"}}]"#);
        assert_refused(
            &text,
            &format!("f.json:1:2: entry 1 (counted from 1) has no member \"imageUri\"{hint}"),
        );
    }
    for key in ["containerName", "container", "container_name"] {
        let text = format!(r#"[{{"{key}":"app","imageUri":"app:1"}}]"#);
        let hint = format!("has no member \"name\", though one \"{key}\". Write");
        assert_refused(&text, &format!("f.json:1:2: entry 1 (counted from 1) {hint}"));
    }
}

#[test]
fn deep_nesting_in_an_unknown_member_is_harmless() {
    let deep =
        format!(r#"[{{"x":{}1{},"name":"app","imageUri":"app:1"}}]"#, "[".repeat(40_000), "]".repeat(40_000));
    assert_eq!(read(&deep).unwrap().len(), 1);
}
