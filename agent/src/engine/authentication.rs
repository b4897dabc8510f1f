//! Keys: which are missing.

use std::sync::Arc;

use super::{Engine, Level};
use crate::keys::Keys;

impl Engine {
    /// The key file was read: at the start, or because of an [`super::Action::ReadKeys`].
    pub fn handle_keys(&mut self, keys: Keys) {
        let mut complaints: Vec<String> = Vec::new();
        for source in &self.sources {
            let (Some(number), name) = (source.upstream.key, source.display_name()) else { continue };
            match keys.get(number) {
                None => complaints.push(format!("key {number} of {name} is in no key file: it is not asked")),
                Some(key) if key.is_short() => {
                    complaints.push(format!("key {number} of {name} is short: {} bits", key.bits()));
                }
                Some(_) => {}
            }
        }
        complaints.dedup();
        for text in complaints {
            self.log(Level::Warning, text);
        }
        self.keys = Arc::new(keys);
    }
}
