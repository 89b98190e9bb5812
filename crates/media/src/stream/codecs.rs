//! What a codec string (RFC 6381) says about the kind of media.

/// Returns whether a codec string names audio: its sample entry is one of the MP4 Registration Authority for audio, in any case of
/// letters.
#[must_use]
pub fn is_audio_codec(codec: &str) -> bool {
    const AUDIO: [&str; 24] = [
        "mp4a", "ac-3", "ec-3", "ac-4", "opus", "flac", "alac", "mp3", "vorbis", "dtsc", "dtse", "dtsh", "dtsl",
        "dtsx", "dtsy", "mha1", "mha2", "mhm1", "mhm2", "iamf", "apac", "ipcm", "fpcm", "usac",
    ];
    let entry = codec.split('.').next().unwrap_or_default();
    AUDIO.iter().any(|known| entry.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_entry_counts() {
        assert!(["mp4a.40.2", "AC-3", "Opus"].into_iter().all(is_audio_codec));
        assert!(!["avc1.64001f", "stpp", "mp4v.20.9", ""].into_iter().any(is_audio_codec));
    }
}
