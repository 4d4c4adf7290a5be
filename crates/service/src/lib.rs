//! the shell of a role: settings in layers, logging, shutdown
