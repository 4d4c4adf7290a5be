//! sound: the one PCM type, resampling, the jitter buffer, Opus, WAV
