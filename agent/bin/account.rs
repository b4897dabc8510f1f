//! Users of this host, as /etc/passwd and /etc/group have them.
//!
//! Read by hand: a static build's getpwnam loads the host's own modules and may crash. Users that come from elsewhere
//! (LDAP and the like) are asked for with getent(1), which is the host's own program.

use std::io;
use std::process::{Command, Stdio};

use nix::unistd::{Gid, Uid};

/// A user, and the groups that count for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: Uid,
    pub(crate) gid: Gid,
    /// Its own one first.
    pub(crate) groups: Vec<Gid>,
}

/// There is no such user.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountError {
    #[error("cannot read {path}: {source}")]
    Unreadable { path: &'static str, source: io::Error },
    #[error("there is no user '{0}' on this host; make it, or name another with -u or 'user'")]
    Unknown(String),
}

const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

impl Account {
    /// Looks a user up by its name.
    pub(crate) fn find(name: &str) -> Result<Self, AccountError> {
        let (uid, gid) = user(name, &read(USERS)?)
            .or_else(|| user(name, &elsewhere(name)?))
            .ok_or_else(|| AccountError::Unknown(name.to_owned()))?;
        // Without the file, or with half of it, the user's own group is still right.
        let more = std::fs::read_to_string(GROUPS).map(|text| groups(name, &text)).unwrap_or_default();
        let mut all = vec![gid];
        all.extend(more.into_iter().filter(|more| *more != gid));
        Ok(Self { name: name.to_owned(), uid, gid, groups: all })
    }
}

fn read(path: &'static str) -> Result<String, AccountError> {
    std::fs::read_to_string(path).map_err(|source| AccountError::Unreadable { path, source })
}

fn elsewhere(name: &str) -> Option<String> {
    let asked = Command::new("getent").args(["passwd", "--", name]).stdin(Stdio::null()).output().ok()?;
    String::from_utf8(asked.stdout).ok()
}

/// Lines of passwd(5): name:password:uid:gid:…
fn user(name: &str, passwd: &str) -> Option<(Uid, Gid)> {
    let line = passwd.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let mut fields = line.split(':').skip(1);
    let uid = fields.next()?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some((Uid::from_raw(uid), Gid::from_raw(gid)))
}

/// Lines of group(5): name:password:gid:member,member…
fn groups(name: &str, group: &str) -> Vec<Gid> {
    let gid = |line: &str| {
        let mut fields = line.split(':').skip(2);
        let gid = fields.next()?.parse().ok()?;
        let mut members = fields.next()?.split(',').map(str::trim);
        members.any(|member| member == name).then(|| Gid::from_raw(gid))
    };
    group.lines().filter_map(gid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
        timefleet-old:x:996:996::/:/usr/sbin/nologin\n\
        timefleet:x:997:995:timefleet agent:/:/usr/sbin/nologin\n\
        +::::::\n";

    #[test]
    fn a_user_is_found_by_the_whole_name() {
        assert_eq!(user("timefleet", PASSWD), Some((Uid::from_raw(997), Gid::from_raw(995))));
        assert_eq!(user("time", PASSWD), None);
        assert_eq!(user("+", PASSWD), None);
        assert_eq!(user("", PASSWD), None);
    }

    #[test]
    fn groups_that_name_the_user_as_a_member() {
        let group =
            "timefleet:x:995:\nkeys:x:50:root,timefleet\nold:x:51:timefleet-old\nbroken\nx:x:y:timefleet\n";
        assert_eq!(groups("timefleet", group), [Gid::from_raw(50)]);
    }

    #[test]
    fn root_is_there_and_nonsense_is_not() {
        let root = Account::find("root").unwrap();
        assert_eq!(
            (root.uid, root.gid, root.groups.first()),
            (Uid::from_raw(0), Gid::from_raw(0), Some(&root.gid))
        );
        assert_eq!(
            Account::find("no-such-user").unwrap_err().to_string(),
            "there is no user 'no-such-user' on this host; make it, or name another with -u or 'user'"
        );
    }
}
