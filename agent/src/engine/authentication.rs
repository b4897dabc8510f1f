//! Keys: whose signatures count, and which are missing.

use super::{Engine, Level};
use crate::keys::Keys;
use crate::packet::{Packet, Trailer};

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
        self.keys = keys;
    }

    /// The key that a request is signed with, if any; `None` = a signature that is not to be answered.
    pub(super) fn key_of(&self, packet: &Packet, bytes: &[u8]) -> Option<Option<u32>> {
        match packet.trailer {
            Trailer::Plain => Some(None),
            Trailer::Mac { .. } => {
                self.keys.verify(packet.header.version, bytes, packet.trailer).ok().map(Some)
            }
        }
    }
}
