//! Settings that change while the assistant runs.

use std::sync::Arc;

use super::Conversation;
use crate::app;
use crate::config::Config;
use crate::engines;
use crate::mind::Mind;
use crate::turns::Bounds;

impl Conversation {
    /// New settings were read. They hold for what begins from now on.
    pub(super) fn handle_settings(&mut self, later: Config) {
        let config = self.config.clone().changed_to(later);
        app::tune(&self.guards, &config);
        self.stores.tune(&config);
        self.ears.tune(app::turns(&config), app::hints(&config));
        self.names = app::names(&config);
        let names = self.names.iter().map(String::as_str);
        let turn = &config.turn;
        self.addressing.tune(turn.answer, names, turn.follow_up);
        self.floor.tune(turn.queue_max, turn.queue_wait);
        self.turns.tune(Bounds::new(&config));
        self.signs.tune(turn.filler_after);
        self.answerer.mind = Mind::new(
            Arc::new(self.guards.ollama.clone()),
            engines::options(&config.ollama),
        );
        self.answerer.system = app::system_message(&config);
        self.answerer.past.tune(config.memory.recall_deadline);
        self.answerer.wishes.tune(&self.names);
        self.config = config;
    }
}
