//! The roles of the executable as library functions.
