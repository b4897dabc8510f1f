//! File names as machines want them: seen from the current directory, with forward slashes.

use std::path::{Component, Path, PathBuf};

/// `./a.yaml` and `/here/a.yaml` are `a.yaml`, and so is `../here/a.yaml`; what is elsewhere keeps its whole name. Standard
/// input (`-`) is `stdin`.
pub(super) fn relative(file: &str, directory: &Path) -> String {
    if file == "-" {
        return "stdin".to_owned();
    }
    let path = Path::new(file);
    let climbs = |part: &Component<'_>| matches!(part, Component::CurDir | Component::ParentDir);
    let levels = path.components().take_while(climbs).filter(|part| *part == Component::ParentDir).count();
    let below: PathBuf = path.components().skip_while(climbs).collect();
    // From the current directory, which is no symbolic link, `..` leads where it seems to lead.
    let whole = directory.ancestors().nth(levels).map(|from| from.join(below));
    let inside = whole.as_ref().and_then(|whole| whole.strip_prefix(directory).ok()).unwrap_or(path);
    let parts = inside.components().filter(|part| !matches!(part, Component::CurDir));
    let mut name = String::new();
    for part in parts {
        if !name.is_empty() && !name.ends_with('/') {
            name.push('/');
        }
        name.push_str(&part.as_os_str().to_string_lossy());
    }
    if name.is_empty() { ".".to_owned() } else { name }
}

/// The same as a reference that may stand in a URI.
pub(super) fn uri(file: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_' | b'~');
    let mut uri = String::from(if file.starts_with('/') { "file://" } else { "" });
    for byte in file.bytes() {
        if plain(byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_seen_from_the_current_directory() {
        let seen = |file| relative(file, Path::new("/srv/time"));
        assert_eq!(seen("plant.yaml"), "plant.yaml");
        assert_eq!(seen("./sites/plant.yaml"), "sites/plant.yaml");
        assert_eq!(seen("sites//plant.yaml"), "sites/plant.yaml");
        assert_eq!(seen("/srv/time/sites/plant.yaml"), "sites/plant.yaml");
        assert_eq!(seen("../plant.yaml"), "../plant.yaml");
        assert_eq!(seen("/srv/timetable.yaml"), "/srv/timetable.yaml");
        assert_eq!(seen("../time/sites/plant.yaml"), "sites/plant.yaml");
        assert_eq!(seen(".././../srv/time/plant.yaml"), "plant.yaml");
        assert_eq!(seen("../../../../plant.yaml"), "../../../../plant.yaml");
        assert_eq!(seen("/srv/time"), ".");
        assert_eq!(seen("."), ".");
        assert_eq!(seen("-"), "stdin");
        assert_eq!(seen("./-"), "-");
    }

    #[test]
    fn a_uri_has_no_spaces_and_no_surprises() {
        assert_eq!(uri("sites/Werk 7/größe.yaml"), "sites/Werk%207/gr%C3%B6%C3%9Fe.yaml");
        assert_eq!(uri("/srv/a#b?.yaml"), "file:///srv/a%23b%3F.yaml");
        assert_eq!(uri("a:b.yaml"), "a%3Ab.yaml");
    }
}
