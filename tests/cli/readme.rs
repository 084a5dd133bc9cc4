//! What the README shows of the call sites is in the files that the tests run.

const README: &str = include_str!("../../README.md");

const CALL_SITES: [(&str, &str, &str); 3] = [
    ("GitHub Actions", "pipeline/github/deploy.yml", include_str!("../../pipeline/github/deploy.yml")),
    (
        "CodeBuild",
        "pipeline/codebuild/deploy.buildspec.yml",
        include_str!("../../pipeline/codebuild/deploy.buildspec.yml"),
    ),
    (
        "CodePipeline",
        "pipeline/codepipeline/pipeline.json",
        include_str!("../../pipeline/codepipeline/pipeline.json"),
    ),
];

#[test]
fn each_call_site_is_shown_as_the_file_has_it() {
    for (title, path, file) in CALL_SITES {
        let (_, section) = README.split_once(&format!("\n### {title}\n")).unwrap();
        assert!(section.trim_start().starts_with(&format!("From [{path}]({path})")), "{title}");
        let shown: Vec<&str> = section
            .lines()
            .skip_while(|line| !line.starts_with("    "))
            .take_while(|line| line.starts_with("    "))
            .collect();
        let file: Vec<&str> = file.lines().collect();
        let is_there = file.windows(shown.len()).any(|lines| unindented(lines) == unindented(&shown));
        assert!(shown.len() > 8 && is_there, "{title}: {path} does not have\n{}", shown.join("\n"));
    }
}

/// The lines without the blanks that the first of them begins with.
fn unindented<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let blanks = lines[0].len() - lines[0].trim_start().len();
    lines.iter().map(|line| line.get(blanks..).unwrap_or_default()).collect()
}

#[test]
fn every_file_that_names_a_release_names_this_one() {
    let version = env!("CARGO_PKG_VERSION");
    for (file, names) in [
        (include_str!("../../Dockerfile"), format!("ARG VERSION={version}\n")),
        (include_str!("../../pipeline/github/Dockerfile"), format!("/evenkeel:{version}\n")),
        (include_str!("../../pipeline/github/deploy.yml"), format!("@v{version}\n")),
        (include_str!("../../pipeline/codepipeline/commands.json"), format!("/{version}/evenkeel ")),
        (README, format!("@v{version}\n")),
    ] {
        assert!(file.contains(&names), "{names:?}");
    }
}
