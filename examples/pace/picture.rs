//! The figures as a picture: a dot for each verdict.

use super::figures::Row;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 150.0;
const HEADING: f64 = 44.0;
/// The height of a family: a line each for Evenkeel and for the pollers.
const FAMILY: f64 = 62.0;
const LINE: f64 = 16.0;
/// The latest that is shown, in seconds.
const MOST: f64 = 16.0;

/// Each line's name and colour, which is seen on white and on black.
const LINES: [(&str, &str); 3] =
    [("Evenkeel", "#1a9850"), ("a look every second", "#4575b4"), ("a look every 15 seconds", "#d9772b")];

/// Draws the lateness of all verdicts, family by family.
pub(crate) fn picture(rows: &[Row]) -> String {
    let height = HEADING + FAMILY * rows.len() as f64 + 34.0;
    let mut svg = vec![format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\" fill=\"#808080\">\n<title>How late verdicts are, in seconds after ECS decided</title>"
    )];
    for (place, (name, colour)) in LINES.iter().enumerate() {
        let x = LEFT + 170.0 * place as f64;
        svg.push(format!("<circle cx=\"{x}\" cy=\"16\" r=\"4\" fill=\"{colour}\"/>"));
        svg.push(format!("<text x=\"{}\" y=\"20\">{name}</text>", x + 10.0));
    }
    let bottom = HEADING + FAMILY * rows.len() as f64;
    for second in (0..=15).step_by(3) {
        let x = at(f64::from(second));
        svg.push(format!(
            "<line x1=\"{x:.1}\" y1=\"{HEADING}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#808080\" stroke-opacity=\"0.3\"/>"
        ));
        svg.push(format!(
            "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{second} s</text>",
            bottom + 18.0
        ));
    }
    for (place, row) in rows.iter().enumerate() {
        let top = HEADING + FAMILY * place as f64;
        svg.push(format!("<text x=\"0\" y=\"{:.1}\">{}</text>", top + 1.5 * LINE, row.name));
        let lines = [&row.ours, &row.pollers[0], &row.pollers[1]];
        for (nth, (lateness, (_, colour))) in lines.into_iter().zip(LINES).enumerate() {
            let y = top + 12.0 + LINE * nth as f64;
            let dots = lateness
                .all()
                .iter()
                .map(|late| format!("<circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"3\"/>", at(late.min(MOST))));
            svg.push(format!("<g fill=\"{colour}\" fill-opacity=\"0.45\">{}</g>", dots.collect::<String>()));
            let median = at(lateness.percentiles()[0]);
            svg.push(format!(
                "<line x1=\"{median:.1}\" y1=\"{:.1}\" x2=\"{median:.1}\" y2=\"{:.1}\" stroke=\"{colour}\" \
                 stroke-width=\"2\"/>",
                y - 6.0,
                y + 6.0
            ));
        }
    }
    svg.push("</svg>\n".to_owned());
    svg.join("\n")
}

fn at(seconds: f64) -> f64 {
    LEFT + (WIDTH - LEFT - 20.0) * seconds / MOST
}
