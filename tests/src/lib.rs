//! The house, tried.
