//! The table of roles.
fn main() {}
