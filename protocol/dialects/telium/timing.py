"""The timers (ms) and limits of a Telium link, each under the sentence of docs/dialects.md that it carries out."""

from __future__ import annotations

# "ENQ and frames are answered within 3 s, and said three times at most."
REPLY_MS = 3_000
TRIES = 3
BITS_PER_BYTE = 10
# "After a NAK for an ENQ the other end is busy: the next one a second later."
BUSY_MS = 1_000
# "A terminal calls ten times to give its answer."
ANSWER_CALLS = 10
# "A frame that has begun and stays silent for 0.5 s is damaged." Shorter than any pause between two ENQs: else a frame that
# was cut off would swallow them one by one.
GAP_MS = 500
# "EOT is waited for longer than a frame is repeated."
EOT_MS = 2 * REPLY_MS
# "A customer has 3 min."
ANSWER_MS = 180_000
# "While nobody answers, ENQ every second; on a free line, ENQ and EOT every 30 s."
SEEK_EVERY_MS = 1_000
POLL_EVERY_MS = 30_000
# "after 8 damaged frames and no good one, an event «line settings?»"
SUSPICIOUS_DAMAGE = 8
