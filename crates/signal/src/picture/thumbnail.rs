//! A small JPEG of a picture.

use jpeg_encoder::{ColorType, Encoder};

use super::Thumbnail;
use super::y4m::Planes;

/// The largest width of a thumbnail in pixels.
const MOST_WIDTH: usize = 320;
/// The quality of the JPEG, of 100: about 7 kB.
const QUALITY: u8 = 75;

/// Makes a JPEG of at most 320 pixels width. `None` if the picture is too small or too narrow for one.
///
/// Pixels stay as they are coded: a picture with other than square pixels looks wide or narrow, and one of PQ or HLG pale.
pub(super) fn make(picture: &Planes<'_>) -> Option<Thumbnail> {
    let side = picture.header.width.div_ceil(MOST_WIDTH).max(1);
    let (columns, rows) = (picture.header.width / side, picture.header.height / side);
    let (width, height) = (u16::try_from(columns).ok()?, u16::try_from(rows).ok()?);
    if width == 0 || height == 0 {
        return None;
    }
    let high_definition = picture.header.height >= 720;
    let mut rgb = Vec::with_capacity(columns * rows * 3);
    for row in 0..rows {
        for column in 0..columns {
            let luma = mean(picture.luma, picture.header.width, column * side, row * side, side);
            // A square of chroma has half the side.
            let chroma =
                |plane| mean(plane, picture.chroma_width(), column * side / 2, row * side / 2, side.div_ceil(2));
            let [cb, cr] = picture.chroma.map(chroma);
            rgb.extend(to_rgb(luma, cb - 128.0, cr - 128.0, picture.header.full_range, high_definition));
        }
    }
    let mut jpeg = Vec::new();
    Encoder::new(&mut jpeg, QUALITY).encode(&rgb, width, height, ColorType::Rgb).ok()?;
    Some(Thumbnail { jpeg: jpeg.into(), width, height })
}

fn mean(plane: &[u8], width: usize, x: usize, y: usize, side: usize) -> f32 {
    let (mut sum, mut count) = (0.0, 0.0);
    for row in y..y + side {
        let from = row * width + x;
        for pixel in plane.get(from..from + side.min(width.saturating_sub(x))).unwrap_or_default() {
            sum += f32::from(*pixel);
            count += 1.0;
        }
    }
    if count > 0.0 { sum / count } else { 128.0 }
}

/// Converts by the matrix of BT.709 (HD) or BT.601.
fn to_rgb(luma: f32, cb: f32, cr: f32, full_range: bool, high_definition: bool) -> [u8; 3] {
    let (luma, scale) = if full_range { (luma, 1.0) } else { ((luma - 16.0) * 255.0 / 219.0, 255.0 / 224.0) };
    let (cb, cr) = (cb * scale, cr * scale);
    let [red, green_b, green_r, blue] =
        if high_definition { [1.5748, 0.1873, 0.4681, 1.8556] } else { [1.402, 0.3441, 0.7141, 1.772] };
    [luma + red * cr, luma - green_b * cb - green_r * cr, luma + blue * cb].map(|value| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0 to 255")]
        let value = value.clamp(0.0, 255.0).round() as u8;
        value
    })
}
