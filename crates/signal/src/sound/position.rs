//! Which loudspeaker each channel is for.

use super::Position;
use super::avi::Format;

/// The loudspeakers of `dwChannelMask` in the order of its bits.
const BITS: [Position; 11] = [
    Position::Left,
    Position::Right,
    Position::Center,
    Position::LowFrequency,
    Position::LeftSurround,
    Position::RightSurround,
    Position::Other,
    Position::Other,
    Position::Other,
    Position::LeftSurround,
    Position::RightSurround,
];

/// The positions of all channels. Where the format doesn't say them, those of mono and stereo are known, and others are
/// [`Position::Other`].
pub(super) fn of(format: Format) -> Vec<Position> {
    let count = usize::from(format.channels);
    let bits = (0..u32::BITS).filter(|bit| format.mask >> bit & 1 == 1);
    let mut positions: Vec<Position> =
        bits.map(|bit| BITS.get(bit as usize).copied().unwrap_or(Position::Other)).take(count).collect();
    match (count, positions.len()) {
        (1, _) => positions = vec![Position::Mono],
        (2, 0) => positions = vec![Position::Left, Position::Right],
        _ => positions.resize(count, Position::Other),
    }
    positions
}

/// How ITU-R BS.1770 weighs a channel. Other positions count like front channels.
pub(super) fn weight(position: Position) -> ebur128::Channel {
    match position {
        Position::Mono | Position::Center | Position::Other => ebur128::Channel::Center,
        Position::Left => ebur128::Channel::Left,
        Position::Right => ebur128::Channel::Right,
        Position::LowFrequency => ebur128::Channel::Unused,
        Position::LeftSurround => ebur128::Channel::LeftSurround,
        Position::RightSurround => ebur128::Channel::RightSurround,
    }
}
