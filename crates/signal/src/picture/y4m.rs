//! Pictures as ffmpeg writes them: YUV4MPEG2 with 8-bit 4:2:0.

use std::io::{self, BufRead as _, BufReader, Read};

/// The longest line of the format that is read, in bytes.
const LINE_BYTES: u64 = 512;

/// Header of a YUV4MPEG2 stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Header {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Pictures a second. `None` if it isn't known or beyond any real rate.
    pub(super) rate: Option<f64>,
    /// Whether luma has the full range from 0 to 255; otherwise it has 16 to 235.
    pub(super) full_range: bool,
}

/// Reads pictures one after the other.
pub(super) struct Pictures<R> {
    input: BufReader<R>,
    header: Header,
    /// The last whole picture.
    bytes: Vec<u8>,
    /// Room for the next picture, which may be cut.
    next: Vec<u8>,
}

/// One picture of 8-bit YUV 4:2:0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planes<'a> {
    pub(super) header: Header,
    pub(super) luma: &'a [u8],
    /// The two chroma planes (Cb and Cr), each of half the width and height, rounded up.
    pub(super) chroma: [&'a [u8]; 2],
}

impl Planes<'_> {
    /// Pixels a row of a chroma plane.
    pub(super) fn chroma_width(&self) -> usize {
        self.header.width.div_ceil(2)
    }
}

impl<R: Read> Pictures<R> {
    /// Reads the header. `None` if there is none, or if it announces more than `most_pixels`.
    pub(super) fn open(input: R, most_pixels: u32) -> Option<Self> {
        let mut input = BufReader::with_capacity(65_536, input);
        let header = parse(&line(&mut input).ok()?)?;
        let pixels = header.width.checked_mul(header.height)?;
        if pixels == 0 || pixels > usize::try_from(most_pixels).ok()? {
            return None;
        }
        let chroma = header.width.div_ceil(2) * header.height.div_ceil(2);
        let size = pixels + 2 * chroma;
        Some(Self { input, header, bytes: vec![0; size], next: vec![0; size] })
    }

    pub(super) fn header(&self) -> Header {
        self.header
    }

    /// Reads the next picture. `false` at the end, also if the last picture is cut; the picture before it stays.
    pub(super) fn advance(&mut self) -> bool {
        let is_whole = line(&mut self.input).is_ok_and(|line| line.starts_with("FRAME"))
            && self.input.read_exact(&mut self.next).is_ok();
        if is_whole {
            std::mem::swap(&mut self.bytes, &mut self.next);
        }
        is_whole
    }

    /// The last whole picture that was read.
    pub(super) fn planes(&self) -> Planes<'_> {
        let (luma, chroma) = self.bytes.split_at(self.header.width * self.header.height);
        let (cb, cr) = chroma.split_at(chroma.len() / 2);
        Planes { header: self.header, luma, chroma: [cb, cr] }
    }
}

fn line(input: &mut BufReader<impl Read>) -> io::Result<String> {
    let mut line = Vec::new();
    input.take(LINE_BYTES).read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

fn parse(line: &str) -> Option<Header> {
    let fields = line.strip_prefix("YUV4MPEG2 ")?.split(' ');
    let mut header = Header { width: 0, height: 0, rate: None, full_range: false };
    for field in fields {
        if let Some(width) = field.strip_prefix('W') {
            header.width = width.parse().ok()?;
        } else if let Some(height) = field.strip_prefix('H') {
            header.height = height.parse().ok()?;
        } else if let Some(rate) = field.strip_prefix('F') {
            header.rate = ratio(rate);
        } else if field == "XCOLORRANGE=FULL" {
            header.full_range = true;
        }
    }
    Some(header)
}

fn ratio(text: &str) -> Option<f64> {
    let (numerator, denominator) = text.split_once(':')?;
    let rate = numerator.parse::<f64>().ok()? / denominator.parse::<f64>().ok()?;
    (1.0..=125.0).contains(&rate).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_is_cut_leaves_the_one_before_it_whole() {
        let whole = [7; 6];
        let stream = [b"YUV4MPEG2 W2 H2 F25:1\nFRAME\n".as_slice(), &whole, b"FRAME\n", &[9; 3]].concat();
        let mut pictures = Pictures::open(stream.as_slice(), 4).unwrap();
        assert!(pictures.advance() && !pictures.advance());
        let planes = pictures.planes();
        assert_eq!((planes.luma, planes.chroma), (&whole[..4], [&whole[4..5], &whole[5..]]));
    }
}
