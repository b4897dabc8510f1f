//! The way to a host in the words of ssh(1): `ansible_ssh_common_args` and its like.

/// Options of ssh(1) that take a word; the word may be stuck to its letter.
const WITH_WORD: &str = "BbcDEeFIiJLlmOoPpQRSWw";

/// What a line of arguments says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Arguments {
    /// `-J HOST`, `-o ProxyJump=HOST`: the first counts, as in ssh(1).
    pub(super) jump: Option<String>,
    /// Everything else, as written.
    pub(super) rest: Vec<String>,
}

impl Arguments {
    /// Takes the jump host out of a line of arguments.
    pub(super) fn read(line: &str) -> Self {
        let mut read = Self::default();
        let mut words = line.split_whitespace().map(|word| word.trim_matches(['"', '\'']));
        while let Some(word) = words.next() {
            let (option, stuck) = match word.strip_prefix('-').map(|rest| (rest.chars().next(), rest)) {
                Some((Some(letter), rest)) => {
                    (Some(letter), rest.get(letter.len_utf8()..).unwrap_or_default())
                }
                _ => (None, ""),
            };
            let takes = option.filter(|letter| WITH_WORD.contains(*letter));
            let value = match takes {
                Some(_) if stuck.is_empty() => words.next(),
                Some(_) => Some(stuck),
                None => None,
            };
            let host = match (takes, value) {
                (Some('J'), Some(host)) => Some(host),
                (Some('o'), Some(setting)) => proxy_jump(setting, &mut words),
                _ => None,
            };
            match host {
                Some(host) if read.jump.is_none() => read.jump = Some(host.to_owned()),
                Some(_) => {}
                None => {
                    let stuck = value.filter(|_| stuck.is_empty()).map(|value| format!(" {value}"));
                    read.rest.push(format!("{word}{}", stuck.unwrap_or_default()));
                }
            }
        }
        read
    }
}

/// `ProxyJump=HOST`; with a blank in place of the `=` (the whole in quotes) the host is the next word.
fn proxy_jump<'l>(setting: &'l str, words: &mut impl Iterator<Item = &'l str>) -> Option<&'l str> {
    let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
    if !name.trim().eq_ignore_ascii_case("ProxyJump") {
        return None;
    }
    let value = value.trim_matches(['"', '\'']);
    if value.is_empty() { words.next().filter(|word| !word.starts_with('-')) } else { Some(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jump_host_is_taken_and_the_rest_is_named() {
        for (line, jump, rest) in [
            ("-J jump", Some("jump"), ""),
            ("-Jjump", Some("jump"), ""),
            ("-J jump -C", Some("jump"), "-C"),
            ("-C -J jump", Some("jump"), "-C"),
            (
                "-o ProxyJump=bastion -o StrictHostKeyChecking=no",
                Some("bastion"),
                "-o StrictHostKeyChecking=no",
            ),
            ("-oProxyJump=ops@bastion:2222,b", Some("ops@bastion:2222,b"), ""),
            ("-o \"ProxyJump bastion\" -4", Some("bastion"), "-4"),
            ("-o 'ProxyJump=bastion'", Some("bastion"), ""),
            ("-o proxyjump=\"bastion\"", Some("bastion"), ""),
            ("-J a -J b", Some("a"), ""),
            (
                "-o ControlMaster=auto -o ControlPersist=60s",
                None,
                "-o ControlMaster=auto, -o ControlPersist=60s",
            ),
            ("-l -J -C", None, "-l -J, -C"),
            ("-o", None, "-o"),
            ("-J", None, "-J"),
        ] {
            let read = Arguments::read(line);
            assert_eq!((read.jump.as_deref(), read.rest.join(", ").as_str()), (jump, rest), "{line}");
        }
    }
}
