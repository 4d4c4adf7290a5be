//! a Mumble user: joins, hears each speaker apart, speaks
