//! The selection options that hold for a source: its own, and those that `authselectmode` adds.

use super::Engine;
use crate::config::{AuthSelectMode, Upstream};

/// Selection options of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) no_select: bool,
    pub(super) prefer: bool,
    pub(super) trust: bool,
    pub(super) require: bool,
}

/// Which kinds of sources there are, those with `noselect` left out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kinds {
    authenticated: bool,
    unauthenticated: bool,
}

impl Options {
    /// As they stand on the source's line.
    pub(super) fn configured(upstream: &Upstream) -> Self {
        let Upstream { no_select, prefer, trust, require, .. } = *upstream;
        Self { no_select, prefer, trust, require }
    }

    fn effective(upstream: &Upstream, mode: AuthSelectMode, kinds: Kinds) -> Self {
        let own = Self::configured(upstream);
        if own.no_select {
            return own;
        }
        let is_authenticated = upstream.key.is_some();
        match mode {
            AuthSelectMode::Require => Self { no_select: !is_authenticated, ..own },
            AuthSelectMode::Prefer => Self { no_select: !is_authenticated && kinds.authenticated, ..own },
            AuthSelectMode::Mix if is_authenticated && kinds.unauthenticated => {
                Self { trust: true, require: true, ..own }
            }
            AuthSelectMode::Mix | AuthSelectMode::Ignore => own,
        }
    }

    /// As chronyc's `selectdata` numbers them.
    pub(super) fn bits(self) -> u16 {
        u16::from(self.no_select)
            | (u16::from(self.prefer) << 1)
            | (u16::from(self.trust) << 2)
            | (u16::from(self.require) << 3)
    }
}

impl Engine {
    /// Which kinds of sources there are.
    pub(super) fn kinds(&self) -> Kinds {
        let used = self.sources.iter().map(|source| &source.upstream).filter(|upstream| !upstream.no_select);
        used.fold(Kinds::default(), |kinds, upstream| match upstream.key {
            Some(_) => Kinds { authenticated: true, ..kinds },
            None => Kinds { unauthenticated: true, ..kinds },
        })
    }

    /// The options that hold for a source.
    pub(super) fn options(&self, upstream: &Upstream, kinds: Kinds) -> Options {
        Options::effective(upstream, self.config.auth_select_mode, kinds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    /// Letters of what holds for each line: n, p, t, r.
    fn effective(mode: &str, lines: &str) -> Vec<String> {
        let config = parse("test", &format!("authselectmode {mode}\n{lines}")).unwrap();
        let has = |with_key: bool| {
            config.upstreams.iter().any(|one| !one.no_select && one.key.is_some() == with_key)
        };
        let kinds = Kinds { authenticated: has(true), unauthenticated: has(false) };
        let letters = |options: Options| {
            let Options { no_select, prefer, trust, require } = options;
            [(no_select, 'n'), (prefer, 'p'), (trust, 't'), (require, 'r')]
                .into_iter()
                .filter_map(|(is_set, letter)| is_set.then_some(letter))
                .collect()
        };
        let options = |upstream| Options::effective(upstream, config.auth_select_mode, kinds);
        config.upstreams.iter().map(|upstream| letters(options(upstream))).collect()
    }

    #[test]
    fn the_mode_decides_about_sources_without_a_key() {
        let both = "server a key 1 prefer\nserver b\nserver c noselect";
        assert_eq!(effective("require", both), ["p", "n", "n"]);
        assert_eq!(effective("prefer", both), ["p", "n", "n"]);
        assert_eq!(effective("mix", both), ["ptr", "", "n"]);
        assert_eq!(effective("ignore", both), ["p", "", "n"]);
        let plain = "server a\nserver b require\nserver c key 1 noselect";
        assert_eq!(effective("require", plain), ["n", "nr", "n"]);
        assert_eq!(effective("prefer", plain), ["", "r", "n"]);
        assert_eq!(effective("mix", plain), ["", "r", "n"]);
        assert_eq!(effective("mix", "server a key 1\nserver b key 2\nserver c noselect"), ["", "", "n"]);
    }
}
