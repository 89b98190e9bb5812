use std::borrow::Cow;

/// `text` as a person or a label may see it: no control characters (a stream can't send escape sequences to a
/// terminal), no invisible or direction-changing ones, at most `max` characters.
#[must_use]
pub fn clean(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max && !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| !hidden(*c)).take(max).collect())
}

fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_cannot_send_escape_sequences_or_turn_the_writing_direction() {
        assert_eq!(clean("a\u{1b}[2Jb\n\u{202e}c\u{0}", 128), "a[2Jbc");
    }

    #[test]
    fn the_bound_counts_characters_and_never_splits_one() {
        assert_eq!(clean(&"ü".repeat(200), 128), "ü".repeat(128));
        assert_eq!(clean("Đà Nẵng", 128), "Đà Nẵng");
    }
}
