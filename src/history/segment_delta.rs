//! The values in which the facts about consecutive segments differ, coded by those of a model. A value that isn't coded here is
//! as in the model: initialization segment, keys, codec parameters, encryption, and what a parser found to be wrong.

use super::delta::{DeltaCoded, DeltaCoder, coded_text};
use crate::facts::{Exchange, Fetched, SegmentExtent, SegmentFacts, Timings};
use packager_media::codec::quantizer::{QuantizerMean, SliceQuantizers};
use packager_media::codec::still::StillPictures;
use packager_media::container::{
    ContinuityCounter, Inspection, StampOrder, Subtitles, SyncFlagMismatch, TimestampMap, Track, TsFacts, WebVttCues,
};
use packager_media::quiet::QuietSpans;
use packager_media::stream::{ByteRange, MediaStart, Segment};
use packager_media::units::{BitsPerSecond, MediaClock, MediaTime, Seconds, Timestamp};
use std::num::NonZeroU32;
use url::Url;

/// Codes a segment's facts, except for its number and the time of its inspection, which are known.
pub(super) fn code(own: &mut SegmentFacts, model: &SegmentFacts, coder: &mut impl DeltaCoder) {
    let SegmentFacts { segment, inspected_at: _, fetched, inspection, decryption: _, newest, extent } = own;
    code_segment(segment, &model.segment, coder);
    code_fetched(fetched, &segment.uri, model, coder);
    if let (Some(inspection), Some(known)) = (inspection, &model.inspection) {
        let body = |fetched: &Fetched| fetched.result.as_ref().map_or(0, |exchange| exchange.body_bytes);
        let bytes = counterpart(known.bytes, body(&model.fetched), body(fetched));
        code_inspection(inspection, known, bytes, coder);
    }
    newest.code(&model.newest, coder);
    if let (SegmentExtent::Head { size }, SegmentExtent::Head { size: known }) = (extent, &model.extent) {
        size.code(known, coder);
    }
}

fn code_segment(own: &mut Segment, model: &Segment, coder: &mut impl DeltaCoder) {
    let Segment {
        number,
        after,
        discontinuity_sequence,
        uri,
        byte_range,
        duration,
        bit_rate,
        media_start,
        discontinuity,
        program_date_time,
        gap,
        map: _,
        key: _,
        keys: _,
        line,
    } = own;
    let step = number.wrapping_sub(model.number);
    after.code(&model.after.map(|after| after.wrapping_add(step)), coder);
    discontinuity_sequence.code(&model.discontinuity_sequence, coder);
    code_url(uri, &model.uri, coder);
    byte_range.code(&model.byte_range, coder);
    duration.code(&model.duration, coder);
    bit_rate.code(&model.bit_rate, coder);
    media_start.code(&model.media_start, coder);
    discontinuity.code(&model.discontinuity, coder);
    program_date_time.code(&model.program_date_time, coder);
    gap.code(&model.gap, coder);
    line.code(&model.line, coder);
}

fn code_fetched(own: &mut Fetched, uri: &Url, model: &SegmentFacts, coder: &mut impl DeltaCoder) {
    let Fetched { url, result } = own;
    let known = &model.fetched;
    code_url(url, counterpart(&known.url, &model.segment.uri, uri), coder);
    let (Ok(exchange), Ok(answer)) = (result, &known.result) else { return };
    code_url(&mut exchange.final_url, counterpart(&answer.final_url, &known.url, &*url), coder);
    code_exchange(exchange, answer, coder);
}

fn code_exchange(own: &mut Exchange, model: &Exchange, coder: &mut impl DeltaCoder) {
    let Exchange {
        final_url: _,
        status,
        version: _,
        redirects,
        timings,
        content_type,
        content_encoding,
        content_length,
        last_modified,
        date,
        page_origin,
        headers,
        body_bytes,
        certificate_expiry,
        sent_certificates_expiry,
        broken: _,
    } = own;
    status.code(&model.status, coder);
    redirects.code(&model.redirects, coder);
    timings.code(&model.timings, coder);
    content_type.code(&model.content_type, coder);
    content_encoding.code(&model.content_encoding, coder);
    body_bytes.code(&model.body_bytes, coder);
    content_length.code(&counterpart(model.content_length, Some(model.body_bytes), Some(*body_bytes)), coder);
    date.code(&model.date, coder);
    last_modified.code(&model.last_modified, coder);
    page_origin.code(&model.page_origin, coder);
    headers.code(&model.headers, coder);
    certificate_expiry.code(&model.certificate_expiry, coder);
    sent_certificates_expiry.code(&model.sent_certificates_expiry, coder);
}

/// Codes an inspection. `size` is the number of bytes by the model.
fn code_inspection(own: &mut Inspection, model: &Inspection, size: u64, coder: &mut impl DeltaCoder) {
    let Inspection {
        container: _,
        bytes,
        tracks,
        ts,
        defects: _,
        defects_total,
        head: _,
        encrypted,
        has_moov,
        cues,
        pssh_boxes: _,
        events: _,
    } = own;
    bytes.code(&size, coder);
    let mut later = 0;
    for (track, known) in tracks.iter_mut().zip(&model.tracks) {
        later = code_track(track, known, later, coder);
    }
    if let (Some(ts), Some(known)) = (ts, &model.ts) {
        code_ts(ts, known, later, coder);
    }
    defects_total.code(&model.defects_total, coder);
    encrypted.code(&model.encrypted, coder);
    has_moov.code(&model.has_moov, coder);
    cues.code(&model.cues, coder);
}

/// Codes a track. `later` is the number of ticks by which the track before begins later than in the model; returns the same of
/// this track.
fn code_track(own: &mut Track, model: &Track, later: i64, coder: &mut impl DeltaCoder) -> i64 {
    let Track {
        id: _,
        media: _,
        codec: _,
        start,
        presentation_start,
        end,
        samples,
        starts_with_keyframe,
        keyframes,
        keyframe_interval_max,
        sample_gap_max,
        stamps,
        unmarked_recovery_points,
        fragment_interval_max,
        fragment_bytes_max,
        parameters: _,
        changed_parameters: _,
        captions,
        missing_parameter_sets: _,
        sets_in_samples,
        subtitles,
        keyframe_times,
        encryption: _,
        silence,
        quantizers,
        still_pictures,
        flag_mismatch,
    } = own;
    start.code(&model.start.map(|time| moved(time, later)), coder);
    let later = start.zip(model.start).map_or(later, |(own, known)| own.ticks.wrapping_sub(known.ticks));
    presentation_start.code(&model.presentation_start.map(|time| moved(time, later)), coder);
    end.code(&model.end.map(|time| moved(time, later)), coder);
    samples.code(&model.samples, coder);
    starts_with_keyframe.code(&model.starts_with_keyframe, coder);
    keyframes.code(&model.keyframes, coder);
    keyframe_interval_max.code(&model.keyframe_interval_max, coder);
    sample_gap_max.code(&model.sample_gap_max, coder);
    stamps.code(&model.stamps, coder);
    unmarked_recovery_points.code(&model.unmarked_recovery_points, coder);
    fragment_interval_max.code(&model.fragment_interval_max, coder);
    fragment_bytes_max.code(&model.fragment_bytes_max, coder);
    captions.code(&model.captions, coder);
    sets_in_samples.code(&model.sets_in_samples, coder);
    subtitles.code(&model.subtitles, coder);
    keyframe_times.code(&model.keyframe_times.iter().map(|time| moved(*time, later)).collect(), coder);
    silence.code(&model.silence, coder);
    quantizers.code(&model.quantizers, coder);
    still_pictures.code(&model.still_pictures, coder);
    flag_mismatch.code(&model.flag_mismatch, coder);
    later
}

/// Codes the facts about packets. `later` is the number of ticks by which the tracks begin later than in the model.
fn code_ts(own: &mut TsFacts, model: &TsFacts, later: i64, coder: &mut impl DeltaCoder) {
    let TsFacts {
        packets,
        continuity_errors,
        transport_errors,
        scrambled_packets,
        pcr_interval_max,
        pcr_count,
        pcr_first,
        pcr_back_max,
        pat_offset,
        pmt_offset,
        splice_sections: _,
        counters,
    } = own;
    packets.code(&model.packets, coder);
    continuity_errors.code(&model.continuity_errors, coder);
    transport_errors.code(&model.transport_errors, coder);
    scrambled_packets.code(&model.scrambled_packets, coder);
    pcr_interval_max.code(&model.pcr_interval_max, coder);
    pcr_count.code(&model.pcr_count, coder);
    pcr_first.code(&model.pcr_first.map(|time| moved(time, later)), coder);
    pcr_back_max.code(&model.pcr_back_max, coder);
    pat_offset.code(&model.pat_offset, coder);
    pmt_offset.code(&model.pmt_offset, coder);
    counters.code(&model.counters, coder);
}

/// Returns what the model's value `known` corresponds to: `own` if the model has the same value `same` in that other place.
fn counterpart<T: PartialEq>(known: T, same: T, own: T) -> T {
    if known == same { own } else { known }
}

fn moved(time: MediaTime, by: i64) -> MediaTime {
    MediaTime { ticks: time.ticks.wrapping_add(by), ..time }
}

/// Codes structures field by field. All fields are named, so that a new one isn't forgotten.
macro_rules! coded_fields {
    ($($name:ident { $($field:tt),* })*) => {
        $(impl DeltaCoded for $name {
            fn code(&mut self, model: &Self, coder: &mut impl DeltaCoder) {
                $(self.$field.code(&model.$field, coder);)*
            }

            fn base() -> Self {
                Self { $($field: DeltaCoded::base()),* }
            }
        })*
    };
}

coded_fields! {
    StampOrder { back_max, presented_early_max, stand_still }
    SyncFlagMismatch { false_sync, is_first_false_sync, false_non_sync, is_first_false_non_sync }
    BitsPerSecond { 0 }
    ByteRange { offset, length }
    ContinuityCounter { pid, first, last, discontinuity }
    MediaStart { at, nominal }
    QuantizerMean { sum, count }
    QuietSpans { total, leading, trailing, longest, whole }
    Seconds { 0 }
    SliceQuantizers { intra, inter }
    StillPictures { judged, still }
    Subtitles { samples, cues, span }
    TimestampMap { local, mpeg }
    Timings { dns, connect, tls, first_byte, body, total }
    WebVttCues { map, span }
}

impl DeltaCoded for MediaTime {
    fn code(&mut self, model: &Self, coder: &mut impl DeltaCoder) {
        let timescale = |time: &Self| match time.clock {
            MediaClock::Mpeg => 0,
            MediaClock::Ticks(timescale) => timescale.get(),
        };
        let mut own = timescale(self);
        own.code(&timescale(model), coder);
        self.clock = NonZeroU32::new(own).map_or(MediaClock::Mpeg, MediaClock::Ticks);
        self.ticks.code(&model.ticks, coder);
    }

    fn base() -> Self {
        Self::mpeg(0)
    }
}

impl DeltaCoded for Timestamp {
    fn code(&mut self, model: &Self, coder: &mut impl DeltaCoder) {
        let (mut seconds, mut nanos) = (self.as_second(), i64::from(self.subsec_nanosecond()));
        seconds.code(&model.as_second(), coder);
        nanos.code(&model.subsec_nanosecond().into(), coder);
        let own = i32::try_from(nanos).ok().and_then(|nanos| Self::new(seconds, nanos).ok());
        *self = own.unwrap_or(*model);
    }

    fn base() -> Self {
        Self::UNIX_EPOCH
    }
}

fn code_url(own: &mut Url, model: &Url, coder: &mut impl DeltaCoder) {
    match coded_text(own.as_str(), model.as_str(), coder).map(|text| Url::parse(&text)) {
        Some(Ok(url)) => *own = url,
        _ if own == model => {}
        _ => own.clone_from(model),
    }
}
