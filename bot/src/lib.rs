//! the assistant: hears a turn, thinks, answers aloud
