//! Who must be set up before whom: servers before those who poll them.

/// Hosts by index, in waves: a host's wave comes after those of all hosts that it takes its time from. Hosts that
/// take their time from each other (an orphan mesh) share a wave.
///
/// `sources[host]` are the hosts that `host` takes its time from. Indices beyond the slice are ignored.
pub(crate) fn waves(sources: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search {
        sources,
        seen: vec![Mark::default(); sources.len()],
        open: Vec::new(),
        next_number: 1,
        waves: Vec::new(),
    };
    for host in 0..sources.len() {
        search.visit(host);
    }
    for wave in &mut search.waves {
        wave.sort_unstable();
    }
    search.waves
}

/// Tarjan's search for strongly connected components, without recursion: a chain of servers may be long. It
/// finishes a component only after all components that it depends on, so its wave is known at that moment.
struct Search<'a> {
    sources: &'a [Vec<usize>],
    seen: Vec<Mark>,
    /// Hosts whose component is not finished.
    open: Vec<usize>,
    next_number: usize,
    waves: Vec<Vec<usize>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    /// Order of discovery; 0 = not seen.
    number: usize,
    /// Smallest number of an open host that can be reached.
    low: usize,
    /// Index of its wave, once the component is finished.
    wave: Option<usize>,
}

#[expect(
    clippy::indexing_slicing,
    reason = "every index is below sources.len(): edges are filtered as they are walked"
)]
impl Search<'_> {
    fn visit(&mut self, root: usize) {
        if self.seen[root].number != 0 {
            return;
        }
        self.discover(root);
        let mut path = vec![(root, 0)];
        while let Some((host, edge)) = path.pop() {
            let Some(&source) = self.sources[host].get(edge) else {
                if let Some(&(parent, _)) = path.last() {
                    self.seen[parent].low = self.seen[parent].low.min(self.seen[host].low);
                }
                self.finish(host);
                continue;
            };
            path.push((host, edge + 1));
            if source >= self.sources.len() {
                continue;
            }
            let mark = self.seen[source];
            if mark.number == 0 {
                self.discover(source);
                path.push((source, 0));
            } else if mark.wave.is_none() {
                self.seen[host].low = self.seen[host].low.min(mark.number);
            }
        }
    }

    fn discover(&mut self, host: usize) {
        self.seen[host] = Mark { number: self.next_number, low: self.next_number, wave: None };
        self.next_number += 1;
        self.open.push(host);
    }

    /// Puts the component of which `host` is the first into its wave.
    fn finish(&mut self, host: usize) {
        if self.seen[host].low != self.seen[host].number {
            return;
        }
        let begin = self.open.iter().rposition(|&open| open == host).unwrap_or(0);
        let component = self.open.split_off(begin);
        let known = component.iter().flat_map(|&member| &self.sources[member]);
        let wave =
            known.filter_map(|&source| self.seen.get(source)?.wave).map(|wave| wave + 1).max().unwrap_or(0);
        for &member in &component {
            self.seen[member].wave = Some(wave);
        }
        if self.waves.len() <= wave {
            self.waves.resize(wave + 1, Vec::new());
        }
        self.waves[wave].extend(component);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_come_before_those_who_poll_them() {
        // 0 polls 2, 1 polls 2, 2 polls 3.
        assert_eq!(waves(&[vec![2], vec![2], vec![3], vec![]]), [vec![3], vec![2], vec![0, 1]]);
    }

    #[test]
    fn an_orphan_mesh_shares_a_wave_and_its_clients_follow() {
        let mesh = [vec![1, 2], vec![0, 2], vec![0, 1], vec![0, 1, 2], vec![3]];
        assert_eq!(waves(&mesh), [vec![0, 1, 2], vec![3], vec![4]]);
    }

    #[test]
    fn two_meshes_in_a_row_keep_their_order() {
        // 0 and 1 poll each other and 2; 2 and 3 poll each other.
        assert_eq!(waves(&[vec![1, 2], vec![0], vec![3], vec![2]]), [vec![2, 3], vec![0, 1]]);
    }

    #[test]
    fn hosts_with_sources_elsewhere_are_all_first() {
        assert_eq!(waves(&[vec![], vec![], vec![99]]), [vec![0, 1, 2]]);
        assert_eq!(waves(&[]), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_does_not_overflow() {
        let chain: Vec<_> = (0..100_000_usize).map(|host| vec![host + 1]).collect();
        let waves = waves(&chain);
        assert_eq!(waves.len(), 100_000);
        assert_eq!(waves[0], [99_999]);
    }
}
