//! Where the time comes from.

use super::Directive;
use crate::config::{UpstreamKind, upstream};

/// Addresses that a pool uses at once when no `maxsources` says otherwise.
const POOL_SOURCES: u32 = 4;

pub(super) const DIRECTIVES: &[Directive] = &[
    ("server", |draft, line| {
        draft.upstreams.push(upstream::read(line, UpstreamKind::Server)?);
        Ok(())
    }),
    ("pool", |draft, line| {
        draft.upstreams.push(upstream::read(line, UpstreamKind::Pool { max_sources: POOL_SOURCES })?);
        Ok(())
    }),
];
