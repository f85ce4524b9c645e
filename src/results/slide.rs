//! Pictures in files of their own, 16 to 9, to be projected.

use super::section::Picture;

/// The size of a slide.
const SIZE: (f64, f64) = (1280.0, 720.0);

/// The colours that a page would give the picture, light or dark.
const STYLE: &str = "<style>svg { --ink: #222; --faint: #bbb; background: #fff } \
    @media (prefers-color-scheme: dark) { svg { --ink: #ddd; --faint: #555; background: #181818 } }</style>";

/// The picture as large as it goes, in the middle of a slide.
pub fn slide(picture: &Picture) -> String {
    let svg = picture.slide.as_ref().unwrap_or(&picture.svg);
    let (width, height) = size(svg).unwrap_or(SIZE);
    let scale = (SIZE.0 / width).min(SIZE.1 / height);
    let (wide, high) = (width * scale, height * scale);
    let place = format!(
        "<svg x=\"{:.1}\" y=\"{:.1}\" width=\"{wide:.1}\" height=\"{high:.1}\" ",
        (SIZE.0 - wide) / 2.0,
        (SIZE.1 - high) / 2.0
    );
    let (width, height) = SIZE;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\">\n{STYLE}\n{}</svg>\n",
        svg.replacen("<svg ", &place, 1)
    )
}

/// The width and the height of a picture, by its view box.
fn size(svg: &str) -> Option<(f64, f64)> {
    let (_, rest) = svg.split_once("viewBox=\"0 0 ")?;
    let (width, height) = rest.split_once('"')?.0.split_once(' ')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(svg: &str, wide: Option<&str>) -> Picture {
        let (svg, slide) = (svg.to_owned(), wide.map(str::to_owned));
        Picture { svg, slide, ..Picture::default() }
    }

    #[test]
    fn a_picture_is_as_large_as_its_slide_and_has_the_colours_of_no_page() {
        let slide = slide(&picture("<svg viewBox=\"0 0 640 400\"><path/></svg>", None));
        assert!(
            slide.contains("<svg x=\"64.0\" y=\"0.0\" width=\"1152.0\" height=\"720.0\" viewBox"),
            "{slide}"
        );
        assert!(
            slide.contains("viewBox=\"0 0 1280 720\"") && slide.contains("prefers-color-scheme")
        );
    }

    #[test]
    fn one_that_is_drawn_for_it_is_taken() {
        let wide = "<svg viewBox=\"0 0 1600 800\"/>";
        assert!(
            slide(&picture("<svg viewBox=\"0 0 1 9\"/>", Some(wide))).contains("height=\"640.0\"")
        );
    }
}
