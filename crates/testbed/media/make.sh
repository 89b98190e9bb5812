#!/bin/sh
# Makes the fixtures of the live origin: one loop of exactly 8 s in four units of 2 s.
#
# 25 fps, closed GOPs of 50 frames, no B-frames; AAC-LC at 48 kHz, 375 frames of 1024 samples. Both are
# whole numbers in 8 s, so that loops join without a gap. Needs ffmpeg (5.1 or later). The result is
# committed; run this again only to change it.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ff() { ffmpeg -hide_banner -loglevel error -nostdin -y -fflags +bitexact "$@"; }

# The tone has a whole number of periods in 8 s. The first frames hold the encoder's attack, so the loop
# is cut out of the middle, where what comes before frame 0 sounds like what comes before frame 375.
ff -f lavfi -i "sine=frequency=440:sample_rate=48000:duration=20,volume=-6dB,aformat=channel_layouts=stereo" \
   -c:a aac -b:a 128k -flags +bitexact -f adts "$work/long.aac"
ff -i "$work/long.aac" -c copy -bsf:a "noise=drop='lt(n,150)'" -f adts "$work/middle.aac"
ff -i "$work/middle.aac" -c copy -frames:a 375 -f adts "$work/loop.aac"

ff -i "$work/loop.aac" -c copy -bsf:a aac_adtstoasc -movflags +cmaf+delay_moov -frag_duration 2000000 \
   -metadata:s:a language=eng -flags:a +bitexact -f mp4 audio.mp4

rung() { # name, size, kbit/s, H.264 level
  ff -f lavfi -i "testsrc2=size=$2:rate=25:duration=8" -pix_fmt yuv420p -c:v libx264 -preset slow \
     -profile:v high -level "$4" -b:v "$3k" -maxrate "$3k" -bufsize "$3k" -g 50 -keyint_min 50 \
     -sc_threshold 0 -bf 0 -threads 1 -flags +bitexact+cgop \
     -color_primaries bt709 -color_trc bt709 -colorspace bt709 "$work/$1.mp4"
  ff -i "$work/$1.mp4" -c copy -video_track_timescale 90000 -movflags +cmaf+frag_keyframe+delay_moov \
     -flags:v +bitexact -f mp4 "$1.mp4"
  ff -i "$work/$1.mp4" -i "$work/loop.aac" -map 0:v -map 1:a -c copy -flags +bitexact \
     -f segment -segment_format mpegts -segment_time 2 \
     -segment_format_options pcr_period=20 \
     "${1}_%d.ts"
}
rung 1080p 1920x1080 1400 4.0
rung 720p 1280x720 800 3.1
rung 540p 960x540 450 3.1
rung 360p 640x360 240 3.0

# The same ladder in HEVC, Main 10 with PQ: one closed GOP a unit. x265 repeats its parameter sets for HDR10, which `hvc1` has
# in its sample entry alone.
hevc() { # name, size, kbit/s
  ff -f lavfi -i "testsrc2=size=$2:rate=25:duration=8" -pix_fmt yuv420p10le -c:v libx265 -preset fast \
     -b:v "$3k" -maxrate "$3k" -bufsize "$3k" -x265-params \
     "log-level=1:keyint=50:min-keyint=50:scenecut=0:bframes=0:open-gop=0:pools=none:frame-threads=1:info=0:aud=1:hdr10=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:range=limited:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400" \
     -flags +bitexact "$work/$1.mp4"
  ff -i "$work/$1.mp4" -c copy -tag:v hvc1 -bsf:v "filter_units=remove_types=32-34" -video_track_timescale 90000 \
     -movflags +cmaf+frag_keyframe+delay_moov -flags:v +bitexact -f mp4 "hevc_$1.mp4"
}
hevc 1080p 1920x1080 560
hevc 720p 1280x720 320
hevc 540p 960x540 180
hevc 360p 640x360 100

# Audio alone: loops of bare frames, cut out of the middle as above.
for rate in 128k 64k 32k; do
  ff -f lavfi -i "sine=frequency=440:sample_rate=48000:duration=20,volume=-6dB,aformat=channel_layouts=stereo" \
     -c:a aac -b:a "$rate" -flags +bitexact -f adts "$work/long.aac"
  ff -i "$work/long.aac" -c copy -bsf:a "noise=drop='lt(n,150)'" -f adts "$work/middle.aac"
  ff -i "$work/middle.aac" -c copy -frames:a 375 -f adts "$rate.aac"
done

# The sound of an encoder that lost its input: digital silence, as packed frames and as a CMAF track.
ff -f lavfi -i "anullsrc=sample_rate=48000:channel_layout=stereo,atrim=duration=20" \
   -c:a aac -b:a 128k -flags +bitexact -f adts "$work/long.aac"
ff -i "$work/long.aac" -c copy -bsf:a "noise=drop='lt(n,150)'" -f adts "$work/middle.aac"
ff -i "$work/middle.aac" -c copy -frames:a 375 -f adts silent.aac
ff -i silent.aac -c copy -bsf:a aac_adtstoasc -movflags +cmaf+delay_moov -frag_duration 2000000 \
   -metadata:s:a language=eng -flags:a +bitexact -f mp4 silent.mp4
