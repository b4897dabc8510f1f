//! Configurations of several files.

use std::collections::BTreeMap;

use super::*;

/// Files that exist only here.
struct Shelf(BTreeMap<&'static str, &'static str>);

impl Files for Shelf {
    fn text(&self, path: &str) -> Result<String, String> {
        self.0.get(path).map(|text| (*text).to_owned()).ok_or_else(|| "No such file".to_owned())
    }

    fn names(&self, directory: &str) -> Result<Vec<String>, String> {
        if directory.starts_with("/locked") {
            return Err("Permission denied".to_owned());
        }
        let directory = format!("{}/", directory.trim_end_matches('/'));
        let names = self.0.keys().rev().filter_map(|path| path.strip_prefix(&directory));
        let mut names: Vec<String> = names.map(|rest| rest.split('/').next().unwrap().to_owned()).collect();
        names.dedup();
        Ok(names)
    }
}

fn read(files: &[(&'static str, &'static str)], text: &str) -> Result<Reading, String> {
    let shelf = Shelf(files.iter().copied().collect());
    read_lines(&shelf, "agent.conf", text.lines())
        .map_err(|errors| errors.iter().map(|error| format!("{error}\n")).collect())
}

fn names(config: &Config) -> Vec<&str> {
    config.upstreams.iter().map(|upstream| upstream.name.as_str()).collect()
}

#[test]
fn included_lines_stand_where_the_include_stands() {
    let files = [
        ("/etc/more.conf", "# comment\nserver  b\n  POOL c  iburst\nmaxdistance 4\n"),
        ("/etc/d/2.conf", "server e"),
        ("/etc/d/1.conf", "server d\n"),
        ("/etc/d/.3.conf", "server hidden\n"),
        ("/etc/d/4.txt", "nonsense\n"),
    ];
    let text = "server a\nmaxdistance 5\ninclude /etc/more.conf\ninclude /etc/d/[0-9].conf\n\
                include /etc/none/*.conf\nserver f\n";
    let reading = read(&files, text).unwrap();
    assert_eq!(names(&reading.config), ["a", "b", "c", "d", "e", "f"]);
    assert_eq!(reading.config.max_distance, Seconds(4.0));
    assert_eq!(
        reading.lines,
        [
            "server a",
            "maxdistance 5",
            "server b",
            "POOL c iburst",
            "maxdistance 4",
            "server d",
            "server e",
            "server f"
        ]
    );
}

#[test]
fn of_equal_names_in_a_confdir_the_first_directory_holds() {
    let files = [
        ("/usr/lib/d/10.conf", "server usual\n"),
        ("/usr/lib/d/20.conf", "server twenty\n"),
        ("/etc/d/10.conf", "server mine\n"),
        ("/etc/d/05.conf", "server first\n"),
        ("/etc/d/30.confold", "server old\n"),
    ];
    let reading = read(&files, "confdir /etc/d /missing /usr/lib/d/\n").unwrap();
    assert_eq!(names(&reading.config), ["first", "mine", "twenty"]);
}

#[test]
fn what_is_wrong_in_an_included_file_is_told_with_both_places() {
    let files = [
        ("/a.conf", "port 0\nsever x\ninclude /b.conf\nlocal stratum 9\n"),
        ("/b.conf", "\n\nmaxdistance -3\nlocal stratum 10\n"),
    ];
    assert_eq!(
        read(&files, "include /a.conf\nport 99999\n").unwrap_err(),
        "/a.conf:2:1: unknown directive 'sever'; did you mean 'server'? (included at agent.conf:1)\n\
         /b.conf:3:13: maxdistance must be a number from 0.000001 to 1000000 seconds, not '-3' (included at \
         /a.conf:3) (included at agent.conf:1)\n\
         /a.conf:4:1: this 'local' contradicts the one in line 4 of /b.conf; keep one of them (included at \
         agent.conf:1)\n\
         agent.conf:2:6: port must be a whole number from 0 to 65535, not '99999'\n"
    );
}

#[test]
fn files_that_cannot_be_read_and_loops_are_errors() {
    let files = [("/loop.conf", "server a\ninclude /other.conf\n"), ("/other.conf", "include /loop.conf\n")];
    assert_eq!(
        read(
            &files,
            "include /none.conf\nconfdir /locked\ninclude /locked/*\ninclude\ninclude x.conf\nconfdir\n"
        )
        .unwrap_err(),
        "agent.conf:1:9: cannot read /none.conf: No such file\n\
         agent.conf:2:1: cannot read the directory /locked: Permission denied\n\
         agent.conf:3:9: cannot look up /locked/*: Permission denied\n\
         agent.conf:4:8: 'include' needs the path of a file, or a pattern of paths here\n\
         agent.conf:5:9: 'x.conf' must be the path of a file that begins with / or ~/\n\
         agent.conf:6:8: 'confdir' needs a directory here\n"
    );
    assert_eq!(
        read(&files, "include /loop.conf\n").unwrap_err(),
        "/other.conf:1:9: /loop.conf includes itself (included at /loop.conf:2) (included at agent.conf:1)\n"
    );
}

#[test]
fn files_of_sources_hold_sources_only_and_one_wrong_line_does_not_spoil_the_rest() {
    let shelf = Shelf(BTreeMap::from([
        ("/run/dhcp/eth1.sources", "server b\nport 0\nserver c iburst\nserver half"),
        ("/run/dhcp/eth0.sources", "server a prefer\n"),
        ("/etc/s/eth0.sources", "server shadowed\n"),
        ("/etc/s/x.sources", "server d ibrust\npeer e\n"),
    ]));
    let config = read_lines(
        &shelf,
        "agent.conf",
        "minsamples 8\nsourcedir /run/dhcp /etc/s\nsourcedir /missing\nsourcedir /locked\n".lines(),
    )
    .unwrap()
    .config;
    assert_eq!(config.upstreams, []);
    let SourceLines { upstreams, errors } = read_sources(&shelf, &config);
    let found: Vec<_> = upstreams.iter().map(|it| (it.name.as_str(), it.min_samples)).collect();
    assert_eq!(found, [("a", 8), ("b", 8), ("c", 8)]);
    assert_eq!(
        errors.iter().map(|error| format!("{error}\n")).collect::<String>(),
        "/run/dhcp/eth1.sources:2:1: 'port' cannot stand in a file of sources; it takes 'server' and 'pool'\n\
         /run/dhcp/eth1.sources:4:1: the last line has no end; it may be half of one and is left out\n\
         /etc/s/x.sources:1:10: unknown option 'ibrust'; did you mean 'iburst'?\n\
         /etc/s/x.sources:2:1: directive 'peer' is not supported by the agent: there are no symmetric associations; \
         write 'server' on both hosts\n\
         /locked:1:1: Permission denied\n"
    );
}
