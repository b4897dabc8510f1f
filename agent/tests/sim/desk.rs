//! What chronyc is told in the simulated world.

use timefleet_agent::chronyc::ask::parse_reply;
use timefleet_agent::chronyc::wire::{self, Reply, Request};
use timefleet_agent::engine::Transport;

use super::{World, node_of};

impl World {
    /// chronyc's `tracking`, asked over the Unix socket.
    pub(crate) fn tracking(&mut self, node: usize) -> wire::Tracking {
        match self.ask(node, &Request::Tracking) {
            Reply::Tracking(tracking) => tracking,
            other => panic!("{other:?}"),
        }
    }

    /// chronyc's `activity`.
    pub(crate) fn activity(&mut self, node: usize) -> wire::Activity {
        match self.ask(node, &Request::Activity) {
            Reply::Activity(activity) => activity,
            other => panic!("{other:?}"),
        }
    }

    /// Letter of a source in chronyc's `selectdata`.
    pub(crate) fn state(&mut self, node: usize, source: usize) -> char {
        match self.ask(node, &Request::SelectData(source as u32)) {
            Reply::SelectData(data) => char::from(data.state),
            other => panic!("{other:?}"),
        }
    }

    /// Whom the node follows.
    pub(crate) fn selected(&mut self, node: usize) -> Option<usize> {
        match self.tracking(node).address {
            wire::Address::V4(v4) => node_of(v4.into()),
            _ => None,
        }
    }

    /// The letters of chronyc's `selectdata`, one for each source in the list.
    pub(crate) fn states(&mut self, node: usize) -> String {
        let Reply::SourceCount(count) = self.ask(node, &Request::SourceCount) else { panic!("no count") };
        (0..count as usize).map(|source| self.state(node, source)).collect()
    }

    /// Whom the node asks, in the order of its list; `None` = a place without an address.
    pub(crate) fn asked(&mut self, node: usize) -> Vec<Option<usize>> {
        let Reply::SourceCount(count) = self.ask(node, &Request::SourceCount) else { panic!("no count") };
        let source = |index| match self.ask(node, &Request::SourceData(index)) {
            Reply::SourceData(data) => data.address.ip().and_then(node_of),
            other => panic!("{other:?}"),
        };
        (0..count as i32).map(source).collect()
    }

    /// A command of chronyc's, and how it ended.
    pub(crate) fn order(&mut self, node: usize, request: &Request) -> wire::Status {
        wire::ReplyHeader::take(&self.answer(node, request)).unwrap().status
    }

    /// chronyc's `makestep`.
    pub(crate) fn make_step(&mut self, node: usize) {
        assert_eq!(self.ask(node, &Request::MakeStep), Reply::Null);
    }

    pub(crate) fn ask(&mut self, node: usize, request: &Request) -> Reply {
        parse_reply(request, 7, &self.answer(node, request)).unwrap()
    }

    /// The datagram that answers chronyc.
    pub(crate) fn answer(&mut self, node: usize, request: &Request) -> Vec<u8> {
        let moment = self.advance(node);
        let bytes = request.encode(7, 0);
        let reply = self.nodes[node].engine.handle_command(moment, Transport::Unix, &bytes).unwrap();
        self.settle(node);
        reply
    }
}
