//! Cuts a byte stream into the frames of a streamed answer, without I/O.
//!
//! Ollama sends a line of JSON per token (NDJSON), OpenAI's dialect an event (server-sent
//! events, WHATWG HTML section 9.2). Bytes go in as they come from the network, cut anywhere;
//! whole frames come out.

use std::str;

/// The longest frame in bytes. A token's frame has a few hundred; one past this is no token, and
/// waiting for its end would only fill the memory.
pub(crate) const MAX_FRAME: usize = 1 << 20;

/// What a frame can be besides whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Longer than [`MAX_FRAME`].
    TooLong,
    /// Not UTF-8.
    NotText,
}

/// Cuts bytes into frames. After an error the rest is worth nothing.
pub(crate) trait Frames: Default + Send {
    /// Takes the next bytes of the stream.
    fn push(&mut self, bytes: &[u8]);
    /// The next whole frame, if its end has come.
    fn next(&mut self) -> Option<Result<String, Broken>>;
    /// The last frame, after the end of the stream, if its own end never came.
    fn finish(&mut self) -> Option<Result<String, Broken>>;
}

/// Lines that are not empty; a line ends with LF or CRLF.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    buffer: Vec<u8>,
    /// How much of the buffer is known to hold no line end.
    searched: usize,
}

impl Lines {
    /// The next line, an empty one included.
    fn line(&mut self) -> Option<Result<String, Broken>> {
        let found = self.buffer[self.searched..]
            .iter()
            .position(|byte| *byte == b'\n');
        let Some(end) = found.map(|at| self.searched + at) else {
            self.searched = self.buffer.len();
            return (self.searched > MAX_FRAME).then_some(Err(Broken::TooLong));
        };
        self.searched = 0;
        if end > MAX_FRAME {
            return Some(Err(Broken::TooLong));
        }
        let line: Vec<u8> = self.buffer.drain(..=end).collect();
        Some(text(&line))
    }

    fn rest(&mut self) -> Option<Result<String, Broken>> {
        let rest = std::mem::take(&mut self.buffer);
        self.searched = 0;
        (!rest.is_empty()).then(|| text(&rest))
    }
}

impl Frames for Lines {
    fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    fn next(&mut self) -> Option<Result<String, Broken>> {
        loop {
            match self.line()? {
                Ok(line) if line.trim().is_empty() => {}
                frame => return Some(frame),
            }
        }
    }

    fn finish(&mut self) -> Option<Result<String, Broken>> {
        self.rest()
            .filter(|rest| !matches!(rest, Ok(line) if line.trim().is_empty()))
    }
}

/// The `data` of server-sent events; other fields and comments are left out. Lines that end with
/// a CR alone are not cut: no model server sends them.
#[derive(Debug, Default)]
pub(crate) struct Events {
    lines: Lines,
    data: Option<String>,
}

impl Events {
    /// Takes one line; gives the event's data when the line ends it.
    fn line(&mut self, line: &str) -> Option<Result<String, Broken>> {
        if line.is_empty() {
            return self.data.take().map(Ok);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        if field != "data" {
            return None;
        }
        let value = value.strip_prefix(' ').unwrap_or(value);
        match &mut self.data {
            None => self.data = Some(value.to_owned()),
            Some(data) if data.len() + value.len() >= MAX_FRAME => {
                return Some(Err(Broken::TooLong));
            }
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
        }
        None
    }
}

impl Frames for Events {
    fn push(&mut self, bytes: &[u8]) {
        self.lines.push(bytes);
    }

    fn next(&mut self) -> Option<Result<String, Broken>> {
        loop {
            let frame = match self.lines.line()? {
                Ok(line) => self.line(&line),
                Err(broken) => Some(Err(broken)),
            };
            if frame.is_some() {
                return frame;
            }
        }
    }

    fn finish(&mut self) -> Option<Result<String, Broken>> {
        // Strictly, an event without the empty line behind it does not count; servers that close
        // right after `data: [DONE]` mean it all the same.
        match self.lines.rest() {
            Some(Ok(line)) => self.line(&line).or_else(|| self.data.take().map(Ok)),
            Some(broken) => Some(broken),
            None => self.data.take().map(Ok),
        }
    }
}

/// A line without its end.
fn text(line: &[u8]) -> Result<String, Broken> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    str::from_utf8(line)
        .map(str::to_owned)
        .map_err(|_| Broken::NotText)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All frames of `bytes`, given in pieces of the lengths of `cuts`.
    fn frames<F: Frames>(bytes: &[u8], cuts: &[usize]) -> Vec<Result<String, Broken>> {
        let (mut frames, mut all, mut rest) = (F::default(), Vec::new(), bytes);
        for cut in cuts.iter().copied().chain([bytes.len()]) {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            rest = after;
            frames.push(piece);
            while let Some(frame) = frames.next() {
                let broken = frame.is_err();
                all.push(frame);
                if broken {
                    return all;
                }
            }
        }
        all.extend(frames.finish());
        all
    }

    fn whole(text: &[&str]) -> Vec<Result<String, Broken>> {
        text.iter().map(|t| Ok((*t).to_owned())).collect()
    }

    #[test]
    fn a_line_ends_with_lf_or_crlf_and_an_empty_one_is_left_out() {
        assert_eq!(
            frames::<Lines>(b"a\r\n\n \nb\nc", &[]),
            whole(&["a", "b", "c"])
        );
    }

    #[test]
    fn an_event_is_its_data_lines_joined() {
        let bytes = b": hello\nevent: x\ndata: a\ndata:b\nid: 1\n\ndata: [DONE]\n\n";
        assert_eq!(frames::<Events>(bytes, &[]), whole(&["a\nb", "[DONE]"]));
    }

    #[test]
    fn an_event_cut_off_by_the_end_still_comes() {
        assert_eq!(frames::<Events>(b"data: [DONE]", &[]), whole(&["[DONE]"]));
        assert_eq!(frames::<Events>(b"data: [DONE]\n", &[]), whole(&["[DONE]"]));
    }

    #[test]
    fn a_frame_without_end_is_refused_before_it_fills_the_memory() {
        let mut lines = Lines::default();
        let mut events = Events::default();
        let piece = vec![b'x'; MAX_FRAME / 2 + 1];
        lines.push(&piece);
        assert_eq!(lines.next(), None);
        lines.push(&piece);
        assert_eq!(lines.next(), Some(Err(Broken::TooLong)));
        let line = [b"data: ", &piece[..], b"\n"].concat();
        events.push(&line);
        assert_eq!(events.next(), None);
        events.push(&line);
        assert_eq!(events.next(), Some(Err(Broken::TooLong)));
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert_eq!(frames::<Lines>(b"\xff\xfe\n", &[]), [Err(Broken::NotText)]);
        assert_eq!(
            frames::<Events>(b"data: \xff\n\n", &[]),
            [Err(Broken::NotText)]
        );
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_frames(
            lines in prop::collection::vec("(data:)? ?[a-zé😀]{0,6}\r?", 0..12),
            cuts in prop::collection::vec(0usize..9, 0..40),
        ) {
            let bytes = lines.join("\n").into_bytes();
            prop_assert_eq!(frames::<Lines>(&bytes, &cuts), frames::<Lines>(&bytes, &[]));
            prop_assert_eq!(frames::<Events>(&bytes, &cuts), frames::<Events>(&bytes, &[]));
        }

        #[test]
        fn any_bytes_give_frames_or_an_error(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            cuts in prop::collection::vec(0usize..50, 0..20),
        ) {
            prop_assert_eq!(frames::<Lines>(&bytes, &cuts), frames::<Lines>(&bytes, &[]));
            prop_assert_eq!(frames::<Events>(&bytes, &cuts), frames::<Events>(&bytes, &[]));
        }
    }
}
