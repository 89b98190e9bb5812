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
