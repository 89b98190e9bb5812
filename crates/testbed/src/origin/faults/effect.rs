//! What the origin does wrong.

use crate::origin::steering::SteeringFault;

/// What the origin does wrong while it plays a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::origin) enum Effect {
    MasterStatus(u16),
    ManifestHtml,
    ManifestEmpty,
    ManifestHuge,
    ManifestEndless,
    GzipBomb,
    Lines10M,
    RedirectLoop,
    Silent,
    RenditionMissing,
    AllRenditionsMissing,
    InitMissing,
    InitInvalid,
    InitReplaced,
    InitRewritten,
    NewestSegmentMissing,
    /// Every segment of the rung 720p answers 404.
    RungSegmentsMissing,
    /// The first of two BaseURL elements leads nowhere.
    FirstBaseUrlDead,
    /// The second of two BaseURL elements leads nowhere.
    SecondBaseUrlDead,
    OldestSegmentMissing,
    SegmentSlow,
    SlowFirstByte,
    SegmentCut,
    SegmentHtml,
    SegmentEmpty,
    ConnectionReset,
    EveryThirdPlaylistFails,
    /// Every fifth request for the manifest answers 503.
    ManifestBusyOnce,
    /// Every fifth request for each media playlist answers 503.
    PlaylistBusyOnce,
    /// The first request for every tenth segment answers 503.
    SegmentBusyOnce,
    /// Media playlists take 2.2 s.
    PlaylistSlow,
    /// Keys take 2.2 s.
    KeySlow,
    CertificateExpiring,
    ContentType,
    CacheHeaders,
    Uncompressed,
    CorsMissing,
    CorsOtherPage,
    CorsTwice,
    LiveEnded,
    LadderMissingRung,
    LadderChanged,
    LadderAttributes,
    LadderGroups,
    LadderSpacing,
    VideoRangeWrong,
    BandwidthExceeded,
    BitrateCollapsed,
    CodecMismatch,
    ResolutionMismatch,
    FrameRateMismatch,
    ChannelCountMismatch,
    DolbyVisionAnnounced,
    HdrUnsignalled,
    RepeatedTag,
    HintRenamed,
    HintStart,
    PartRangeShort,
    /// The multivariant playlist has this additional line.
    MasterLine(&'static str),
    /// The manifest names a steering server with this fault.
    Steering(SteeringFault),
    MediaLine(&'static str),
    BitRateWrong,
    NoExtM3u,
    Version,
    TargetTooLow,
    TargetChanged,
    SegmentDuration,
    Stale,
    SequenceRegressed,
    SequenceJump,
    Restarted,
    Rewritten,
    DiscontinuityStuck,
    DiscontinuityDown,
    DiscontinuityExcess,
    WindowTooShort,
    ProgramDateTimeMissing,
    DateJump,
    DateFuture,
    /// Playlists, MPDs and segments are this number of seconds behind.
    LiveEdgeBehind(i64),
    Gap,
    RenditionSkew,
    PlaylistsDisagree,
    AnnouncedButClear,
    EncryptionUnannounced,
    KeyMissing,
    KeyShort,
    KeyWrong,
    InitializationVectorWrong,
    PaddingMissing,
    RotationMissing,
    SamplesClear,
    /// Fragments don't describe their encrypted samples.
    SamplesUndescribed,
    /// Samples are clear, and the initialization segment declares their protection.
    EncryptorLost,
    /// Samples are encrypted, and the initialization segment is that of the clear track.
    InitUnprotected,
    MethodWrong,
    KidWrong,
    DrmSystemMissing,
    SubsampleSpansWrong,
    Scrambled,
    ContainerInvalid,
    Fmp4Invalid,
    ContinuityWithin,
    ContinuityAcross,
    PatCrcWrong,
    PatAndPmtMissing,
    PcrMissing,
    /// The PAT begins with the network (program 0).
    NetworkFirst,
    /// All pictures of a segment have the same time stamp.
    PictureTimesStill,
    /// The time stamps of the pictures go back by 0.6 s in the middle of each segment.
    PictureTimesBack,
    /// The PCR goes back by 0.6 s in the middle of each segment.
    ClockBack,
    /// PES_packet_length of the audio is 100 bytes too long.
    AudioLengthWrong,
    KeyframeMissing,
    TimestampJump,
    DurationMismatch,
    AvOffset,
    CueTimesWrong,
    CuesUnreadable,
    CaptionsMissing,
    SubtitlesEmpty,
    SubtitleFormatMismatch,
    AudioTrackMissing,
    RenditionAlignment,
    TwoOrigins,
    IFramesMissing,
    IFramesUnmarked,
    IFrameMissing,
    IFramesBehind,
    InputSwitched,
    UpdatedLongAgo,
    PartTarget,
    PartHoldBack,
    PartsSum,
    HintMissing,
    ReportsMissing,
    ReportsBehind,
    HintUnanswered,
    ReloadFails,
    ReloadEarly,
    ReloadLate,
    PartsMissing,
    PartsIndependent,
    DeltaCount,
    DeltaWhole,
    DateRangeSpliceCorrupt,
    CueDurations,
    CueMissing,
    BreakIdReused,
    BreakStuck,
    BreakLateInRendition,
    EventTimescaleZero,
    Id3TagMissing,
    ProducerReferenceTrackWrong,
    SegmentIndexTooLong,
    BreakMissingInRendition,
    AdsMissing,
    SpliceUnannounced,
    EventMessagesMissing,
    MpdEssential,
    MpdLatency,
    EventMessagesUndeclared,
    SpliceSectionCorrupt,
    VideoRangeMissing,
    AudioGap,
    /// Digital silence instead of sound.
    SoundSilent,
    AudioTimestampMissing,
    ResolutionChangeInside,
    KeyframesMisaligned,
    AvailabilityStartMissing,
    MpdTruncated,
    /// The multivariant playlist has no EXT-X-STREAM-INF.
    VariantsMissing,
    /// The multivariant playlist ends after its first EXT-X-STREAM-INF.
    MasterCut,
    /// The URIs of all variants have the scheme skd.
    VariantScheme,
    /// The only variant of the multivariant playlist is the audio rendition.
    SoundOnly,
    /// The MPD lacks its elements of this name.
    MpdWithout(&'static str),
    /// The MPD element has these attributes in addition.
    MpdAttributes(&'static str),
    /// The MPD has this XML text, of whole elements, after its last Period.
    MpdPeriodAdded(&'static str),
    /// Each AdaptationSet of video has this element in addition, as its first one.
    MpdVideoProperty(&'static str),
    /// The MPD has no minimumUpdatePeriod and declares validity events in its segments, which have none.
    ValidityEventsMissing,
    /// Each Period of the MPD has this element in addition, as its last one.
    MpdSetAdded(&'static str),
    /// No element of the MPD has an attribute of this name.
    MpdWithoutAttribute(&'static str),
    /// availabilityStartTime is more than an hour ahead of the clock.
    MpdStartAhead,
    /// The Period of the MPD has no start.
    PeriodStartMissing,
    /// The only Period of the MPD is remote, and its document answers 404.
    RemotePeriodMissing,
    /// EXT-X-KEY has a METHOD that no player knows.
    KeyMethodUnknown,
    /// Every SegmentTemplate lacks its media attribute.
    MediaTemplateMissing,
    /// Transport streams have no NAL units of these H.264 types.
    UnitsMissing(&'static [u8]),
    /// The codec configuration in initialization segments has no parameter sets.
    ConfigurationEmpty,
    /// The `esds` in the audio's initialization segment has no AudioSpecificConfig.
    AudioConfigMissing,
    /// Like `ConfigurationEmpty`, with the sample entry `avc3`, which announces parameter sets in the samples.
    SetsInSamplesMissing,
    /// Requests for a byte range of media are answered with 206, the right Content-Range and the whole resource.
    RangeWhole,
    /// Requests for a byte range of media are answered with 200.
    RangeIgnored,
    /// Requests for a byte range of media are answered with the first half of the range.
    RangeShort,
    /// Requests for a byte range of media are answered with the range that begins 188 bytes earlier.
    RangeShifted,
    /// Time stamps of WebVTT and packed audio have more than 33 bits.
    StampsUnwrapped,
    /// EXT-X-DISCONTINUITY is inserted late, when its segment has been listed for three segments.
    DiscontinuityLate,
    /// The discontinuity sequence counts each discontinuity twice, in windows of two segments.
    DiscontinuityTwice,
    /// Periods of the MPD have no id.
    PeriodIdMissing,
    /// All Periods of the MPD have the same id.
    PeriodIdTwice,
    /// Periods have other ids in each answer with the MPD.
    PeriodIdRandom,
    /// A Period has the id of the Period that was the fourth before it.
    PeriodIdReused,
    /// A single Period without an id begins at the window's first segment.
    PeriodStartSlides,
    /// The MPD lists only the newest Period.
    PeriodsReplaced,
    /// The MPD announces a Period for 20 s, then withdraws it for 20 s.
    PeriodWithdrawn,
    /// The AdaptationSets of picture and sound change places every 20 s.
    MpdSetsSwapped,
    /// The packager works at four fifths of real time.
    EdgeSlow,
    /// Every segment is marked by EXT-X-GAP.
    GapsOnly,
    /// The newest three segments are marked by EXT-X-GAP.
    GapsAtEdge,
    /// As [`Self::TimestampJump`], where EXT-X-MAP gives another initialization segment.
    TimestampJumpAtMap,
    /// Each answer is a delta update, as from a cache that ignores the query.
    DeltaUnrequested,
    TimelineDurationMissing,
    MpdRungMissing,
    /// A SegmentTimeline lacks its third newest segment.
    MpdGap,
    /// availabilityStartTime is this number of seconds too late, or too early if negative.
    MpdStart(i64),
    /// availabilityStartTime moves by 3 s every 20 s, back and forth.
    MpdStartMoves,
    /// publishTime moves by a minute every 20 s, back and forth.
    PublishTimeRegressed,
    /// Media times of all segments are this number of milliseconds later than the MPD says.
    MediaShifted(i64),
    /// The URL in UTCTiming answers 404.
    UtcTimingMissing,
    /// The first of two UTCTiming elements has an address that answers 404.
    FirstClockDead,
    /// The second of two UTCTiming elements names a clock that is 30 s late.
    SecondClockLate,
    /// timeShiftBufferDepth is shorter than suggestedPresentationDelay.
    TimeShiftBufferShort,
    /// maxSegmentDuration is half of a segment's duration.
    MaxSegmentDurationShort,
    /// The MPD lists three segments, and minimumUpdatePeriod is as long as they are together.
    UpdatesSparse,
    LocationMissing,
    LocationOther,
    PatchMissing,
    PatchOriginal,
    PatchSelector,
    /// Neither the MPD nor the media have a `pssh` of Widevine.
    DrmSystemMissingEverywhere,
    MpdEventTimescaleZero,
    MpdEventsOutOfOrder,
    /// The third newest S element of a SegmentTimeline begins half a second before the preceding S element ends.
    MpdOverlap,
    /// A SegmentList lacks its third newest SegmentURL.
    ListShort,
    /// SegmentLists have a duration instead of a SegmentTimeline, and a startNumber that counts on.
    ListRenumbered,
    /// indexRange of SegmentBase begins 16 bytes too late.
    IndexRangeWrong,
    /// Every size in the segment index is 100 bytes too large.
    IndexSizesWrong,
    /// The file with the segment index answers 404.
    IndexMissing,
    /// startNumber of SegmentTemplate is one too low.
    NumbersShifted,
    /// SegmentTemplate has no presentationTimeOffset.
    PeriodOffset,
    /// Periods lack their last segment once the next Period has begun.
    PeriodShort,
    /// Periods have no media for the duration of their first segment.
    PeriodLate,
    /// availabilityTimeOffset promises segments 15 s before their end.
    OffsetTooLong,
    /// Picture parameter sets have another identifier than the one that slices refer to.
    PictureSetOther,
    /// Variants have no AVERAGE-BANDWIDTH.
    AverageBandwidthMissing,
    /// The segment that is being written answers 404 until it is complete.
    GrowingSegmentRefused,
    /// All parts of the segment that is being written come when it is complete.
    ChunksAtEnd,
    /// Segments are one fragment each.
    OneChunk,
    /// Resync@dT is half of the duration of a part.
    ResyncShort,
    /// PlaybackRate@max is below 1.
    PlaybackRateSlow,
    /// The packager of the first playback session stops, while those of later sessions go on.
    SessionFrozen,
    /// Playback sessions end after five segments.
    SessionsShort,
    /// The Path attribute of the cookie is not the folder of the playlists that need it.
    CookieElsewhere,
}
