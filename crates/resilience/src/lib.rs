//! one sick engine, not a sick house: backoff
